"""Grafana boards as code: they read `schemas` only. None yet."""
