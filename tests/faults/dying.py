"""Runs `goldpan` and kills it, its store, or both, or has it stand still, at the n-th time that it
comes to one place.

    python -m tests.faults.dying VICTIM PLACE WHEN N -- ingest FILE ...

PLACE is `module:Class.method`, or `module:Class.method=WORD` for calls with that first argument;
WHEN is `before` or `after`. Nothing is put in the place of anything: the call itself goes through.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra import clickhouse
from pipeline.__main__ import main


def die_at(victim: str, place: str, when: str, number: int, store: Path) -> None:
    """Arm the place."""
    module, _, path = place.partition(":")
    path, _, word = path.partition("=")
    class_name, _, method = path.partition(".")
    owner = getattr(importlib.import_module(module), class_name)
    original: Callable[..., Any] = getattr(owner, method)
    left = number

    def armed(self: object, *arguments: Any, **options: Any) -> Any:
        nonlocal left
        meant = not word or (bool(arguments) and str(arguments[0]) == word)
        left -= meant
        if meant and not left and when == "before":
            strike(victim, store)
        result = original(self, *arguments, **options)
        if meant and not left and when == "after":
            strike(victim, store)
        return result

    setattr(owner, method, armed)


def strike(victim: str, store: Path) -> None:
    """Kill or stop, and leave a note that it was done."""
    (store.parent / "struck").touch()
    if victim in {"store", "both"}:
        server = clickhouse.status(store)
        if server is not None:
            os.kill(server.pid, signal.SIGKILL)
    if victim in {"pipeline", "both"}:
        os.kill(os.getpid(), signal.SIGKILL)
    if victim == "still":
        os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    _, victim, place, when, number, _, *arguments = sys.argv
    directory = Path(arguments[arguments.index("--data-dir") + 1])
    die_at(victim, place, when, int(number), directory / "clickhouse")
    sys.exit(main(arguments))
