"""Boards and a store flow in, the same boards that Grafana would show flow out to browsers."""
