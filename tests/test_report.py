"""Reports over hand-made rows on the real engine, through the real client; arithmetic shown."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from pipeline.config import load_definitions
from pipeline.errors import ConfigError
from pipeline.report import Report, ReportTable, parse_moment
from pipeline.report_output import WEEKDAYS, as_text
from schemas.catalogue import load_catalogue
from schemas.histogram import bin_of
from schemas.rollups import Rollup
from schemas.rows import row_families

SHANGHAI = "Asia/Shanghai"  # UTC+8 all year
MONDAY = datetime(2026, 1, 5, tzinfo=UTC) - timedelta(hours=8)  # its local midnight
BANK_TABLE = Path(__file__).parent.parent / "docs" / "examples" / "bank-daily-table.yaml"


@pytest.fixture
def site(store: Client, request: pytest.FixtureRequest) -> str:
    """A site of this test alone, so tests cannot see each other's rows."""
    return str(request.node.name)


def at(minutes: float = 0, day: int = 0) -> datetime:
    """Minutes after local midnight of Monday 2026-01-05, or of a later day."""
    return MONDAY + timedelta(days=day, minutes=minutes)


def put_minutes(store: Client, site: str, *rows: dict[str, Any]) -> None:
    """Write base rows of calls; what is not given is '' or 0."""
    family = row_families()["calls"]
    blank: dict[str, Any] = dict.fromkeys(family.dimensions, "")
    blank |= {name: {} if name in family.histograms else 0 for name in family.measures}
    blank |= {"site": site, "dims": "site", "minute": at(), "shard": 0, "revision": 1}
    for row in rows:
        assert set(row) <= set(blank)
    values = [[(blank | row)[column] for column in family.columns] for row in rows]
    store.execute(f"INSERT INTO {family.table} ({', '.join(family.columns)}) VALUES", values)
    store.execute(Rollup(family).touch_all)


def put_contacts(store: Client, site: str, *rows: dict[str, Any]) -> None:
    """Write contact facts; an identity and a start are made up where not given."""
    blank = {"site": site, "started_at": at(), "revision": 1, "events": 1}
    full = [blank | {"contact_id": f"c{i}"} | row for i, row in enumerate(rows)]
    columns = sorted({column for row in full for column in row})
    values = [[row.get(column) for column in columns] for row in full]
    store.execute(f"INSERT INTO contacts ({', '.join(columns)}) VALUES", values)


def report(store: Client, site: str, *metrics: str, **options: Any) -> ReportTable:
    defaults: dict[str, Any] = {"zone": SHANGHAI, "by": "day", "catalogue": load_catalogue()}
    return Report(metrics, site, **(defaults | options)).run(store)


def lines(table: ReportTable) -> list[tuple[object, ...]]:
    def short(value: object) -> object:
        return round(value, 2) if isinstance(value, float) else value

    return [(row.period, *row.group, *map(short, row.values)) for row in table.rows]


def test_a_ratio_is_of_the_sums_over_minutes_and_shards(store: Client, site: str) -> None:
    # The vector of spec/metrics.md in three rows: offered 120, short 5, in threshold 70.
    put_minutes(
        store,
        site,
        {"contacts": 50, "sl_offered": 50, "short_abandoned": 5, "answered_in_threshold": 40},
        {"contacts": 69, "sl_offered": 69, "answered_in_threshold": 29, "shard": 1},
        {"contacts": 1, "sl_offered": 1, "answered_in_threshold": 1, "minute": at(60)},
    )
    # 70 / (120 - 5); the mean of the hours would be 69/114 and 1/1: 80.26.
    assert lines(report(store, site, "service_level")) == [("2026-01-05", 60.87)]
    assert lines(report(store, site, "service_level", by="hour")) == [
        ("2026-01-05T00:00+08:00", 60.53),
        ("2026-01-05T01:00+08:00", 100.0),
    ]


def test_the_last_revision_of_a_row_counts(store: Client, site: str) -> None:
    put_minutes(store, site, {"contacts": 9, "offered": 9, "revision": 2})
    put_minutes(store, site, {"contacts": 5, "offered": 5, "revision": 1})
    put_minutes(store, site, {"contacts": 1, "offered": 1, "revision": 1, "shard": 1})
    assert lines(report(store, site, "offered")) == [("2026-01-05", 10)]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("minute", ["2026-01-04T23:59+08:00", "2026-01-05T00:00+08:00", "2026-02-01T00:00+08:00"]),
        ("hour", ["2026-01-04T23:00+08:00", "2026-01-05T00:00+08:00", "2026-02-01T00:00+08:00"]),
        ("day", ["2026-01-04", "2026-01-05", "2026-02-01"]),
        # Weeks begin on Monday: Sunday 4 January belongs to that of 29 December.
        ("week", ["2025-12-29", "2026-01-05", "2026-01-26"]),
        ("month", ["2026-01-01", "2026-02-01"]),
        ("total", ["total"]),
    ],
)
def test_periods_begin_in_the_sites_time_zone(
    store: Client, site: str, by: str, expected: list[str]
) -> None:
    rows = [{"contacts": 1, "offered": 1, "minute": at(*when)} for when in [(-1,), (0,), (0, 27)]]
    put_minutes(store, site, *rows)
    put_contacts(store, site, *({"started_at": row["minute"]} for row in rows))
    table = report(store, site, "offered", "n=contact_count", by=by)
    assert [row.period for row in table.rows] == expected
    assert [sum(int(row.values[i] or 0) for row in table.rows) for i in (0, 1)] == [3, 3]


@pytest.mark.parametrize(
    ("zone", "moment", "expected"),
    [
        # Clocks went back at 06:00 UTC: 01:30 came twice.
        ("America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T01:00-04:00"),
        ("America/New_York", "2026-11-01T06:30:00Z", "2026-11-01T01:00-05:00"),
        ("Asia/Kolkata", "2026-01-04T18:45:00Z", "2026-01-05T00:00+05:30"),
        ("Asia/Kathmandu", "2026-01-04T18:20:00Z", "2026-01-05T00:00+05:45"),
    ],
)
def test_hours_are_the_clocks_hours(
    store: Client, site: str, zone: str, moment: str, expected: str
) -> None:
    minute = datetime.fromisoformat(moment)
    put_minutes(store, site, {"contacts": 1, "offered": 1, "minute": minute})
    assert lines(report(store, site, "offered", by="hour", zone=zone)) == [(expected, 1)]


def test_from_is_included_and_to_is_not(store: Client, site: str) -> None:
    put_minutes(
        store, site, *({"contacts": 1, "offered": 1, "minute": at(day=d)} for d in range(4))
    )
    put_contacts(store, site, *({"started_at": at(day=d)} for d in range(4)))
    start, end = parse_moment("2026-01-06", SHANGHAI), parse_moment("2026-01-08", SHANGHAI)
    table = report(store, site, "offered", "n=contact_count", start=start, end=end)
    assert lines(table) == [("2026-01-06", 1, 1), ("2026-01-07", 1, 1)]


def test_a_period_without_a_contact_gives_no_row(store: Client, site: str) -> None:
    put_minutes(
        store,
        site,
        {"contacts": 1, "offered": 1},
        # A correction moved this contact to another day: its row stays, as zeros.
        {"minute": at(day=1), "revision": 2},
        # A contact that never reached a queue.
        {"contacts": 1, "minute": at(day=2)},
        # Only an answer falls in this day: the contact began the day before.
        {"answered": 1, "wait_answered_ms": 5000, "minute": at(day=3)},
    )
    assert lines(report(store, site, "offered", "asa")) == [
        ("2026-01-05", 1, None),
        ("2026-01-07", 0, None),
        ("2026-01-08", 0, 5.0),
    ]
    assert report(store, "nobody", "offered", by="total").rows == ()
    assert report(store, "nobody", "max_wait", by="total").rows == ()


def test_groups_come_from_the_smallest_set_and_are_not_added_up_twice(
    store: Client, site: str
) -> None:
    queue = {"queue": "sales", "contacts": 2, "offered": 2, "answered": 2}
    put_minutes(
        store,
        site,
        {"contacts": 3, "offered": 3, "answered": 3, "callers": 2},
        queue | {"dims": "queue"},
        {"dims": "queue", "queue": "support", "contacts": 1, "offered": 1, "answered": 1},
        queue | {"dims": "call_type", "call_type": "loan", "channel": "phone"},
        {"dims": "agent", "agent_id": "a1", "queue": "sales", "answered": 2},
        {"dims": "product", "product": "card", "region": "北京", "contacts": 3, "offered": 3},
    )
    assert lines(report(store, site, "offered", "callers")) == [("2026-01-05", 3, 2)]
    by_queue = report(store, site, "offered", group=["queue"])
    assert lines(by_queue) == [("2026-01-05", "sales", 2), ("2026-01-05", "support", 1)]
    by_type = report(store, site, "offered", group=["call_type", "queue"], by="total")
    assert lines(by_type) == [("total", "loan", "sales", 2)]
    by_agent = report(store, site, "answered", group=["agent_id"], by="total")
    assert lines(by_agent) == [("total", "a1", 2)]
    by_region = report(store, site, "offered", group=["region"], by="total")
    assert lines(by_region) == [("total", "北京", 3)]


def test_sites_do_not_mix(store: Client, site: str) -> None:
    put_minutes(store, site, {"contacts": 1, "offered": 1})
    put_minutes(store, site + "'", {"contacts": 7, "offered": 7})
    assert lines(report(store, site, "offered")) == [("2026-01-05", 1)]
    assert lines(report(store, site + "'", "offered")) == [("2026-01-05", 7)]


def test_by_the_sites_clock_and_calendar(store: Client, site: str) -> None:
    # Monday 09:15 and 23:59 of Shanghai, which is Monday 15:59 UTC; Tuesday 00:00 is still Monday's
    # 16:00 UTC; Sunday six days on. In a zone half an hour apart the minutes are read: 09:15 in
    # Shanghai is 06:45 in Kolkata.
    for minutes, day, count in ((555, 0, 1), (1439, 0, 2), (0, 1, 4), (600, 6, 8)):
        put_minutes(store, site, {"minute": at(minutes, day), "contacts": count, "offered": count})
    by_clock = report(store, site, "offered", by="total", group=("weekday", "hour_of_day"))
    assert lines(by_clock) == [
        ("total", "1", "09", 1),
        ("total", "1", "23", 2),
        ("total", "2", "00", 4),
        ("total", "7", "10", 8),
    ]
    weekdays = report(store, site, "offered", by="month", group=("weekday",))
    assert lines(weekdays) == [
        ("2026-01-01", "1", 3),
        ("2026-01-01", "2", 4),
        ("2026-01-01", "7", 8),
    ]
    assert "周日" in as_text(weekdays, "zh", {"weekday": WEEKDAYS})
    india = report(store, site, "offered", by="day", group=("hour_of_day",), zone="Asia/Kolkata")
    assert lines(india)[0] == ("2026-01-05", "06", 1)


def test_what_stands_has_no_clock(store: Client, site: str) -> None:
    for metric in ("backlog", "calls_waiting"):
        with pytest.raises(ConfigError, match=r"has no hour_of_day"):
            report(store, site, metric, by="total", group=("hour_of_day",))


def test_facts_give_exact_quantiles_and_maxima_by_exit(store: Client, site: str) -> None:
    # Ten answered waits 1..9 and 30 s: rank ceil(0.9 * 10) = 9 is 9 s. One abandoned after 60 s:
    # rank ceil(0.9 * 11) = 10 of all exits is 30 s.
    waits = [*range(1, 10), 30]
    put_contacts(
        store,
        site,
        *({"outcome": "handled", "wait_ms": w * 1000, "exited_at": at(5)} for w in waits),
        {"outcome": "abandoned", "wait_ms": 60_000, "exited_at": at(5), "contact_id": "gone"},
        # Began the same day and left the queue on the next.
        {
            "outcome": "handled",
            "wait_ms": 500_000,
            "exited_at": at(day=1),
            "started_at": at(1439),
            "contact_id": "night",
        },
        {"outcome": "waiting", "contact_id": "still here"},
    )
    table = report(store, site, "wait_p90", "wait_p90:all_exits", "max_wait")
    assert lines(table) == [("2026-01-05", 9.0, 30.0, 60.0), ("2026-01-06", 500.0, 500.0, 500.0)]
    groups = report(store, site, "max_wait", group=["outcome"], by="total")
    assert lines(groups) == [("total", "abandoned", 60.0), ("total", "handled", 500.0)]


def test_a_maximum_goes_down_when_a_correction_lowers_it(store: Client, site: str) -> None:
    contact = {"contact_id": "c", "outcome": "handled", "exited_at": at()}
    put_contacts(store, site, contact | {"wait_ms": 90_000, "revision": 1})
    assert lines(report(store, site, "max_wait")) == [("2026-01-05", 90.0)]
    put_contacts(store, site, contact | {"wait_ms": 20_000, "revision": 2})
    assert lines(report(store, site, "max_wait")) == [("2026-01-05", 20.0)]


def test_random_waits_exact_and_sketched(store: Client, site: str) -> None:
    chance = random.Random(7)
    waits = {
        q: [int(chance.lognormvariate(10, 1)) for _ in range(chance.randint(1, 200))]
        for q in ("a", "b", "c", "d")
    }
    rows = []
    for queue, values in waits.items():
        for shard in (0, 1):
            bins: dict[int, int] = {}
            for ms in values[shard::2]:
                bins[bin_of(ms)] = bins.get(bin_of(ms), 0) + 1
            rows.append(
                {
                    "dims": "queue",
                    "queue": queue,
                    "shard": shard,
                    "contacts": 1,
                    "wait_answered_bins": bins,
                }
            )
    put_minutes(store, site, *rows)
    put_contacts(
        store,
        site,
        *(
            {
                "queue": q,
                "wait_ms": ms,
                "outcome": "handled",
                "exited_at": at(),
                "contact_id": f"{q}{i}",
            }
            for q, values in waits.items()
            for i, ms in enumerate(values)
        ),
    )
    table = report(store, site, "wait_p90", "wait_p90:sketch", group=["queue"], by="total")
    assert len(table.rows) == 4
    for row in table.rows:
        values = sorted(waits[row.group[0]])
        exact = values[-(-9 * len(values) // 10) - 1] / 1000
        assert row.values[0] == exact
        assert row.values[1] == pytest.approx(exact, rel=0.01)


def test_counts_of_a_table_without_rows_are_zero_and_ratios_are_none(
    store: Client, site: str
) -> None:
    put_contacts(store, site, {"outcome": "handled", "wait_ms": 1000, "exited_at": at()})
    put_minutes(store, site, {"contacts": 1, "offered": 1, "minute": at(day=1)})
    table = report(store, site, "offered", "answer_rate", "max_wait", "n=exit_count")
    assert lines(table) == [("2026-01-05", 0, None, 1.0, 1), ("2026-01-06", 1, 0.0, None, 0)]


def test_the_third_partys_daily_table(store: Client, site: str) -> None:
    # Four records of one day: served 100 s after 20 s, hung up after 40 s, hung up in the menu,
    # and a PHANTOM that waited 12 s and was "served" 8 s.
    put_contacts(
        store,
        site,
        {"outcome": "handled", "wait_ms": 20_000, "talk_ms": 100_000, "exited_at": at()},
        {"outcome": "abandoned", "wait_ms": 40_000, "exited_at": at()},
        {"outcome": "ivr_abandoned"},
        {"outcome": "failed", "wait_ms": 12_000, "talk_ms": 8_000},
    )
    catalogue = load_definitions(load_catalogue(), BANK_TABLE)
    metrics = ["bank_calls", "bank_hangs", "bank_hang_rate", "bank_mean_queue", "bank_mean_service"]
    # 2 / 4; (20 + 40 + 0 + 12) / 4 = 18; (100 + 0 + 0 + 8) / 4 = 27.
    table = report(store, site, *metrics, catalogue=catalogue)
    assert lines(table) == [("2026-01-05", 4, 2, 50.0, 18.0, 27.0)]


def test_a_formula_of_ones_own(store: Client, site: str) -> None:
    put_minutes(store, site, {"contacts": 1, "handled": 3, "talk_ms": 10_000})
    table = report(store, site, "mean = talk_ms / handled / 1000", "twice=handled*2")
    assert lines(table) == [("2026-01-05", 3.33, 6)]


@pytest.mark.parametrize(
    ("metrics", "options", "message"),
    [
        (["anser_rate"], {}, "no metric 'anser_rate'; did you mean 'answer_rate'"),
        (["service_level:V7"], {}, "service_level has no variant 'V7'; known: V1, V2, V3"),
        (["offered:V1"], {}, "offered has no variant 'V1'; it has none"),
        (["x=ofered/2"], {}, "column 1: no measure 'ofered'; did you mean 'offered'"),
        (
            ["x=complaints/answered"],
            {"group": ["queue"]},
            "x is not kept by queue; it can be grouped by channel, priority; or by team; or by "
            "product, region",
        ),
        (["1x=offered"], {}, "a name has letters, digits and _"),
        (["offered", "offered"], {}, "'offered' is asked for twice"),
        ([], {}, "name at least one metric; known: abandon_rate"),
        (["offered"], {"group": ["que"]}, "no dimension 'que'; did you mean 'queue'"),
        (
            ["offered"],
            {"group": ["agent_id"]},
            "offered is not kept by agent_id; it can be grouped by queue; or by queue, channel, "
            "direction, call_type, priority; or by product, region",
        ),
        (["callers"], {"group": ["queue"]}, "not kept by queue; it can be grouped by nothing"),
        (["max_wait"], {"group": ["source"]}, "max_wait is not kept by source; .* by queue,"),
        (["offered"], {"by": "year"}, "no period 'year'; known: day, hour, minute"),
        (["offered"], {"start": at(0.5)}, "rows are kept by minute, so name whole minutes"),
        (["offered"], {"start": at(1), "end": at(1)}, "must come before"),
    ],
)
def test_what_cannot_be_asked(
    store: Client, metrics: Sequence[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        report(store, "s", *metrics, **options)


def test_moments_are_local_unless_they_say_otherwise() -> None:
    assert parse_moment("2026-01-05", SHANGHAI) == MONDAY
    assert parse_moment("2026-01-05T08:30", SHANGHAI) == MONDAY + timedelta(minutes=510)
    assert parse_moment("2026-01-04T16:00Z", SHANGHAI) == MONDAY
    with pytest.raises(ConfigError, match="'yesterday' is not a date or time: write 2026-01-31"):
        parse_moment("yesterday", SHANGHAI)
