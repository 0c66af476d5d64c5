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
    config = panel.get("fieldConfig", {"overrides": []})
    return [rule["matcher"]["options"] for rule in config["overrides"]]


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
    ("place", "what", "names"),
    [
        ("en/tickets.json", "department", {"logistics": "Logistics"}),
        ("zh/tickets.json", "department", {"logistics": "物流部"}),
        ("en/agents.json", "team", {"care": "Complaint care"}),
        ("zh/agents.json", "team", {"care": "投诉组"}),
        ("en/health.json", "source", {"acd": "Telephone system"}),
        ("zh/health.json", "source", {"acd": "呼叫平台"}),
    ],
)
def test_what_the_site_has_a_name_for_is_called_by_it(
    place: str, what: str, names: dict[str, str], full: Reader, day: tuple[datetime, datetime]
) -> None:
    board = BOARDS[place]
    values = chosen(board, full)
    shown = set()
    now = datetime.now(UTC)
    during = (now - timedelta(hours=1), now) if "health" in place else day
    for panel in board["panels"]:
        if what in overridden(panel):
            sql = interpolate(panel["targets"][0]["rawSql"], values)
            answer = full.read_shipped(expand(sql, time_range(*during, "1m", 100)))
            column = [column for column, _ in answer.columns].index(what)
            shown |= {row[column] for row in answer.rows}
    assert shown >= set(names.values())
    assert not shown & set(names)


def answer_of(
    place: str, title: str, values: Values, reader: Reader, day: tuple[datetime, datetime]
) -> list[dict[str, Any]]:
    """The rows of a board's panel."""
    panel = next(panel for panel in BOARDS[place]["panels"] if panel["title"] == title)
    sql = interpolate(panel["targets"][0]["rawSql"], values)
    answer = reader.read_shipped(expand(sql, time_range(*day, "1m", 100)))
    names = [name for name, _ in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def test_a_period_is_compared_only_with_one_that_the_data_cover(
    full: Reader, day: tuple[datetime, datetime]
) -> None:
    """A call waits now. So many days before, the period began at noon, or before all data."""
    values = chosen(BOARDS["en/calls.json"], full)
    noon = day[0] + timedelta(hours=12)
    back = timedelta(days=(datetime.now(UTC) - noon).days)
    compared = {}
    for begin in (noon, day[0] - timedelta(hours=1)):
        shown = (begin + back, begin + 2 * back - timedelta(seconds=1))
        rows = answer_of("en/calls.json", "Compared", values, full, shown)
        compared[begin] = next(row for row in rows if row["metric"] == "offered")
    covered, uncovered = compared.values()
    assert covered["now"] == uncovered["now"] == 1
    assert covered["before"].startswith("−")
    assert uncovered["before"] is None


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
