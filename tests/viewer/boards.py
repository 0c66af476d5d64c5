"""The committed boards, read once: what tests ask of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GENERATED = Path(__file__).parents[2] / "dashboards" / "generated"
BOARDS: dict[str, dict[str, Any]] = {
    path.relative_to(GENERATED).as_posix(): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(GENERATED.glob("*/*.json"))
}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel of every board, with a name for a test."""
    for place, board in BOARDS.items():
        for panel in board["panels"]:
            yield f"{place}:{panel['id']}", panel
