"""Boards as code: metric definitions flow in, Grafana dashboards in two languages flow out.

`build` needs grafana-foundation-sdk, a development tool. The product reads the committed files
under `generated/` and never imports the modules beside them.
"""
