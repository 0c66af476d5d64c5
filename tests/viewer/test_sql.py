"""Every query of every board runs on the real engine: over a day of calls, and over nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.sinks.reader import Reader
from pipeline.viewer.macros import expand
from pipeline.viewer.timerange import time_range
from pipeline.viewer.variables import Values, interpolate
from tests.viewer.boards import BOARDS

Board = dict[str, Any]
each_board = pytest.mark.parametrize("place", BOARDS)


@pytest.fixture(scope="module")
def full(day_store: str) -> Iterator[Reader]:
    with Reader(lambda: day_store) as reader:
        yield reader


@pytest.fixture(scope="module")
def empty(empty_store: str) -> Iterator[Reader]:
    with Reader(lambda: empty_store) as reader:
        yield reader


def chosen(board: Board, reader: Reader) -> Values:
    """The first value of each variable, as Grafana chooses when it opens a board."""
    values: dict[str, tuple[str, ...]] = {}
    for variable in board["templating"]["list"]:
        sql = interpolate(variable["query"]["rawSql"], values)
        rows = reader.read_shipped(expand(sql, time_range(*DAY_ZERO, None, None))).rows
        values[variable["name"]] = (str(rows[0][0]),) if rows else ("",)
    return values


DAY_ZERO = (
    datetime.fromisoformat("2026-01-01T00:00Z"),
    datetime.fromisoformat("2026-01-02T00:00Z"),
)


@each_board
def test_every_query_answers_over_a_day_and_over_nothing(
    place: str, full: Reader, empty: Reader, day: tuple[datetime, datetime]
) -> None:
    board = BOARDS[place]
    now = datetime.now(UTC)
    # Events arrive when the test sends them, whatever day they tell of.
    shown = (now - timedelta(hours=1), now) if "health" in place else day
    for reader in (full, empty):
        values = chosen(board, reader)
        for panel in board["panels"]:
            time = time_range(*shown, panel.get("interval"), panel.get("maxDataPoints"))
            for target in panel.get("targets", []):
                sql = expand(interpolate(target["rawSql"], values), time)
                assert "$" not in sql
                answer = reader.read_shipped(sql)
                check(panel, [spec for _, spec in answer.columns], len(answer.rows))
                for name in overridden(panel):
                    assert name in dict(answer.columns), (panel["title"], name)
                if reader is full:
                    is_quiet = "alert" in sql or "dead_letters" in sql
                    assert answer.rows or is_quiet, panel["title"]


def overridden(panel: Board) -> list[str]:
    return [rule["matcher"]["options"] for rule in panel["fieldConfig"]["overrides"]]


def check(panel: Board, types: list[str], rows: int) -> None:
    """The result has the shape that its panel reads, and instants name their zone."""
    plain = [spec.removeprefix("Nullable(") for spec in types]
    for spec in plain:
        if spec.startswith("DateTime"):
            assert "'" in spec, (panel["title"], spec)
    numbers = [spec for spec in plain if spec.startswith(("Int", "UInt", "Float"))]
    match panel["type"]:
        case "stat":
            assert rows == 1
            assert len(types) <= 2
            assert len(numbers) == len(types) or panel["options"]["reduceOptions"]["fields"]
        case "timeseries" | "heatmap":
            assert plain[0].startswith("DateTime")
            assert numbers
        case "bargauge":
            assert plain[0] in ("String", "LowCardinality(String)")
            assert len(numbers) == 1
        case kind:
            assert kind == "table"


@pytest.mark.parametrize(
    ("place", "name"), [("en/tickets.json", "Logistics"), ("zh/tickets.json", "物流部")]
)
def test_departments_are_called_by_their_names(
    place: str, name: str, full: Reader, day: tuple[datetime, datetime]
) -> None:
    board = BOARDS[place]
    values = chosen(board, full)
    shown = set()
    for panel in board["panels"]:
        if "department" in overridden(panel):
            sql = interpolate(panel["targets"][0]["rawSql"], values)
            answer = full.read_shipped(expand(sql, time_range(*day, "1m", 100)))
            column = [column for column, _ in answer.columns].index("department")
            shown |= {row[column] for row in answer.rows}
    assert name in shown
    assert "logistics" not in shown


def answer_of(
    place: str, title: str, values: Values, reader: Reader, day: tuple[datetime, datetime]
) -> list[dict[str, Any]]:
    """The rows of a board's panel."""
    panel = next(panel for panel in BOARDS[place]["panels"] if panel["title"] == title)
    sql = interpolate(panel["targets"][0]["rawSql"], values)
    answer = reader.read_shipped(expand(sql, time_range(*day, "1m", 100)))
    names = [name for name, _ in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def test_a_queue_is_judged_alike_on_both_its_boards(
    full: Reader, day: tuple[datetime, datetime]
) -> None:
    values = chosen(BOARDS["en/queue.json"], full)
    rows = answer_of("en/wallboard.json", "Queues, worst first", values, full, day)
    assert {row["target"] for row in rows} > {80.0}
    for row in rows:
        own = {**values, "queue": (row["queue"],)}
        (tile,) = answer_of("en/queue.json", "Service level", own, full, day)
        assert tile["service_level"] == row["service_level"]
        if not row["calls_waiting"]:
            assert tile["state"] == row["state"]


@pytest.mark.parametrize("place", ["en/wallboard.json", "zh/wallboard.json"])
def test_no_data_is_not_zero(place: str, empty: Reader, day: tuple[datetime, datetime]) -> None:
    board = BOARDS[place]
    values = chosen(board, empty)
    for panel in board["panels"]:
        if panel["type"] == "stat":
            sql = expand(
                interpolate(panel["targets"][0]["rawSql"], values), time_range(*day, "1m", 100)
            )
            ((value, *state),) = empty.read_shipped(sql).rows
            assert value is None
            assert state in ([], [None])
