"""A measurement's name flows in, what it found flows out: each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table


def run(module: str, *arguments: str | Path, python: str | Path = sys.executable) -> dict[str, Any]:
    """Run a measurement in a process of its own; its last line is its result."""
    command = [python, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{module} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def loads(
    title: str, columns: Mapping[str, str], rows: Sequence[tuple[str, Mapping[str, float]]]
) -> Table:
    """A table of loads: what each found, by the heads that `columns` gives to its figures."""
    table = Table(title=title)
    table.add_column("load")
    for column in columns.values():
        table.add_column(column, justify="right")
    for load, found in rows:
        table.add_row(load, *(f"{found[key]:,.{2 * ('cpu' in key)}f}" for key in columns))
    return table
