"""The shipped dashboard files in, boards by address out, with what the page needs and no SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from pipeline.viewer.timerange import duration_ms

HOME = "goldpan-wallboard"


@dataclass(frozen=True)
class Query:
    """A panel's query: its SQL with macros and variables, and what bounds its step of time."""

    panel: int
    sql: str
    least: str | None
    points: int | None
    own_time: str | None
    """How far back it looks, such as "30d", if that is not the board's time."""


@dataclass(frozen=True)
class Choice:
    """A variable of a board; its SQL gives values, or values and what they are called."""

    name: str
    label: str
    sql: str
    hidden: bool


@dataclass(frozen=True, eq=False)
class Board:
    """One dashboard in one language."""

    uid: str
    lang: str
    start: str
    refresh_s: float
    queries: tuple[Query, ...]
    choices: tuple[Choice, ...]
    shown: Mapping[str, Any]
    """The dashboard as the page reads it, without queries."""

    @property
    def starts(self) -> frozenset[str]:
        """Return the beginnings that a viewer may choose."""
        ranges = self.shown.get("timepicker", {}).get("quick_ranges") or ()
        return frozenset({self.start, *(choice["from"] for choice in ranges)})


def load_boards() -> dict[str, Board]:
    """Return every board that ships with the product, by its address."""
    directory = resources.files("dashboards") / "generated"
    return {board.uid: board for board in _boards(directory)}


def _boards(directory: Traversable) -> Iterator[Board]:
    for lang in sorted(directory.iterdir(), key=lambda entry: entry.name):
        for file in lang.iterdir():
            if file.name.endswith(".json"):
                yield read_board(json.loads(file.read_text(encoding="utf-8")), lang.name)


def read_board(model: dict[str, Any], lang: str) -> Board:
    """Return a board from Grafana's JSON."""
    queries = tuple(
        Query(
            panel["id"],
            panel["targets"][0]["rawSql"],
            panel.get("interval"),
            panel.get("maxDataPoints"),
            panel.get("timeFrom"),
        )
        for panel in model["panels"]
        if panel.get("targets")
    )
    choices = tuple(
        Choice(
            variable["name"],
            variable.get("label", variable["name"]),
            variable["query"]["rawSql"],
            variable["hide"] == 2,
        )
        for variable in model["templating"]["list"]
    )
    panels = [{k: v for k, v in panel.items() if k != "targets"} for panel in model["panels"]]
    shown = {key: value for key, value in model.items() if key != "templating"}
    return Board(
        model["uid"],
        lang,
        model["time"]["from"],
        duration_ms(model["refresh"]) / 1000,
        queries,
        choices,
        {**shown, "panels": panels, "lang": lang},
    )
