"""A metric of several families on a board is the number that the report gives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from dashboards.queries import SITE as VARIABLE
from dashboards.queries import grouped, series, total
from pipeline.report import Report, Row
from pipeline.sinks.client import Client
from pipeline.sinks.reader import Reader
from pipeline.viewer.macros import expand
from pipeline.viewer.timerange import time_range
from schemas.catalogue import load_catalogue
from tests.viewer.conftest import SITE

METRIC = "complaint_rate_calls"


@pytest.fixture(scope="module")
def reader(day_store: str) -> Iterator[Reader]:
    with Reader(lambda: day_store) as reader:
        yield reader


def board(reader: Reader, sql: str, day: tuple[datetime, datetime]) -> list[dict[str, object]]:
    time = time_range(*day, "1h", 100)
    answer = reader.read_shipped(expand(sql.replace(VARIABLE, f"'{SITE.site}'"), time))
    names = [name for name, _ in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def report(url: str, day: tuple[datetime, datetime], by: str, *group: str) -> tuple[Row, ...]:
    asked = Report(
        [METRIC, "answered"],
        SITE.site,
        SITE.time_zone,
        by="hour" if by == "hour" else "total",
        group=group,
        start=day[0],
        end=day[1] + timedelta(seconds=1),
        catalogue=load_catalogue(),
    )
    with Client(lambda: url) as client:
        return asked.run(client).rows


def test_in_total(day_store: str, reader: Reader, day: tuple[datetime, datetime]) -> None:
    [row] = report(day_store, day, "total")
    assert isinstance(row.values[0], float)
    assert row.values[0] > 0
    assert board(reader, total(METRIC), day) == [{METRIC: row.values[0]}]


def test_by_a_dimension(day_store: str, reader: Reader, day: tuple[datetime, datetime]) -> None:
    rows = report(day_store, day, "total", "channel")
    answer = board(reader, grouped([METRIC], "channel"), day)
    found = {str(r["channel"]): (r[METRIC], r[f"{METRIC}_n"]) for r in answer}
    assert found == {row.group[0]: row.values for row in rows}


def test_by_time(day_store: str, reader: Reader, day: tuple[datetime, datetime]) -> None:
    rows = report(day_store, day, "hour")
    filled = board(reader, series([METRIC], []), day)
    values = [row[METRIC] for row in filled if row[METRIC] is not None]
    assert values == [row.values[0] for row in rows if row.values[0] is not None]
    assert len(values) > 10


def test_of_a_store_without_events(empty_store: str, day: tuple[datetime, datetime]) -> None:
    with Reader(lambda: empty_store) as reader:
        assert board(reader, total(METRIC), day) == [{METRIC: None}]
        assert board(reader, grouped([METRIC], "channel"), day) == []
