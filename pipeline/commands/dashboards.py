"""`goldpan dashboards build|check`: metric definitions in, Grafana's JSON files out, or a verdict.

The builder is a development tool: it is asked for by name, and the product runs without it.
"""

from __future__ import annotations

import argparse
import importlib

from pipeline.errors import ConfigError, InputError


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("dashboards", help="build or check the boards' Grafana files")
    parser.add_argument(
        "action",
        choices=("build", "check"),
        help="build writes dashboards/generated; check says what is wrong or out of date there",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Build, or check."""
    try:
        build = importlib.import_module("dashboards.build")
    except ModuleNotFoundError as error:
        msg = f"building boards needs {error.name}, a tool of 'make setup'; the product does not"
        raise ConfigError(msg) from error
    if options.action == "build":
        for place in build.write():
            print(f"wrote {place}")
        return 0
    found: list[str] = build.problems()
    if found:
        raise InputError("\n".join(found))
    print("the boards are as they should be")
    return 0
