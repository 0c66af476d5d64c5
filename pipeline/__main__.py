"""The `goldpan` command: words flow in, one command runs; errors flow out as one plain sentence."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import FrameType
from typing import TYPE_CHECKING, Any

from pipeline.errors import GoldpanError

COMMANDS = {
    "demo": "demo",
    "run": "run",
    "keys": "keys",
    "schema": "schema",
    "simulate": "simulate",
    "ingest": "ingest",
    "mapping": "mapping",
    "report": "report",
    "metrics": "metrics",
    "explain": "explain",
    "parity": "parity",
    "reconcile": "reconcile",
    "query": "query",
    "dead-letters": "dead_letters",
    "config": "config",
    "db": "db",
    "migrate": "db",
    "rebuild": "rebuild",
    "replay": "replay",
    "dashboards": "dashboards",
    "kafka": "kafka",
    "topics": "topics",
    "worker": "worker",
}
"""The module of `pipeline.commands` that holds each command, in the order in which help tells.

Only the module that is needed is loaded, and only after a first Ctrl-C would be heard.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    before = [(number, signal.signal(number, _stop)) for number in _STOPS]
    try:
        options = _options(sys.argv[1:] if arguments is None else arguments)
        status: int = options.run(options)
        sys.stdout.flush()
    except GoldpanError as error:
        print(f"goldpan: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever reads our output has enough of it, as `head` does: that is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt as stopped:
        print("goldpan: stopped; what was read is safe, run the command again", file=sys.stderr)
        return 128 + int(*stopped.args)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    return status


if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction["_Parser"]
else:
    _Subparsers = argparse._SubParsersAction


class _Commands(_Subparsers):
    """Commands whose own help begins with what the list of commands says of them."""

    def add_parser(self, name: str, **words: Any) -> _Parser:
        """Add a command."""
        said: str = words["help"]
        return super().add_parser(name, description=f"{said[0].upper()}{said[1:]}.", **words)


class _Parser(argparse.ArgumentParser):
    """A parser of words, whose commands are such parsers too."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self.register("action", "parsers", _Commands)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="goldpan", description="Monitoring for call centres and their complaints."
    )
    parser.add_argument("--version", action="version", version=f"goldpan {version('goldpan')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = COMMANDS.get(arguments[0]) if arguments else None
    for name in dict.fromkeys(COMMANDS.values()) if chosen is None else [chosen]:
        importlib.import_module(f"pipeline.commands.{name}").add_to(commands)
    return parser.parse_args(arguments)


_STOPS = (signal.SIGINT, signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> None:
    """Leave through every `with` and `finally`; a second signal meets the same way out."""
    del frame
    raise KeyboardInterrupt(number)


if __name__ == "__main__":
    sys.exit(main())
