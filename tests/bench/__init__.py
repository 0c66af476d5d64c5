"""A measurement's name flows in, what it found flows out: each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(module: str, *arguments: str | Path, python: str | Path = sys.executable) -> dict[str, Any]:
    """Run a measurement in a process of its own; its last line is its result."""
    command = [python, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{module} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
