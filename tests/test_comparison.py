"""Values beside earlier ones and beside targets, on the real engine; arithmetic shown."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from clickhouse_driver import Client

from pipeline.comparison import Compared, Comparison, compare, margin_of_error
from pipeline.comparison_output import as_csv, as_json, as_text
from pipeline.errors import ConfigError
from pipeline.report import Report
from schemas.catalogue import load_catalogue
from schemas.site import SiteConfig
from tests.test_report import SHANGHAI, at, put_minutes

METRIC = "service_level"


@pytest.fixture
def site(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def level(minute: datetime, within: int, of: int) -> dict[str, Any]:
    """So many calls answered in time of so many that were to be."""
    counts = {"contacts": of, "offered": of, "sl_offered": of, "answered_in_threshold": within}
    return {"minute": minute, **counts}


def compared(store: Client, site: str, against: Any, *metrics: str, **options: Any) -> Comparison:
    config = {
        "format": 1,
        "site": "s",
        "name": {"zh": "例", "en": "Ex"},
        "time_zone": SHANGHAI,
        "queues": {"vip": {"target_pct": 90}, "other": {}},
        "departments": {"care": {"name": {"zh": "关怀部", "en": "Care"}}},
        "teams": {
            "red": {"name": {"zh": "红组", "en": "Red"}, "department": "care"},
            "blue": {"name": {"zh": "蓝组", "en": "Blue"}},
        },
        "targets": options.pop("targets", ()),
    }
    defaults: dict[str, Any] = {"zone": SHANGHAI, "by": "day", "catalogue": load_catalogue()}
    report = Report(metrics, site, **(defaults | options))
    return compare(report, store, against, SiteConfig.model_validate(config))


def facts(row: Compared) -> tuple[object, ...]:
    """Value, other, difference, change in percent, verdict."""

    def short(value: object) -> object:
        return round(value, 2) if isinstance(value, float) else value

    return tuple(map(short, (row.value, row.other, row.difference, row.change_pct, row.verdict)))


def test_a_day_beside_the_day_before(store: Client, site: str) -> None:
    put_minutes(store, site, level(at(600), 100, 200), level(at(600, day=1), 170, 200))
    first, second = compared(store, site, "previous", METRIC).rows
    assert facts(first) == (50.0, None, None, None, "")
    # 170 of 200 is 85 %; 35 points more than 50 %, which is 70 % more.
    assert facts(second) == (85.0, 50.0, 35.0, 70.0, "better")
    assert second.sample == 200
    # spec/metrics.md, convention 10: 85 % at n = 200 is within 4.9 points.
    assert second.margin is not None
    assert round(second.margin, 1) == 4.9


def test_margins_of_error() -> None:
    """spec/metrics.md, convention 10: 85 % at n=30 → ±12.8 points; at n=200 → ±4.9."""
    assert [round(margin_of_error(85, n) or 0, 1) for n in (30, 200)] == [12.8, 4.9]
    assert margin_of_error(85, 0) is None
    assert margin_of_error(None, 200) is None
    assert margin_of_error(130, 200) is None  # no share


def test_lower_may_be_better_and_few_are_not_judged(store: Client, site: str) -> None:
    put_minutes(
        store,
        site,
        {"minute": at(0), "contacts": 100, "offered": 100, "abandoned": 5},
        {"minute": at(0, day=1), "contacts": 100, "offered": 100, "abandoned": 8},
        {"minute": at(0, day=2), "contacts": 19, "offered": 19, "abandoned": 1},
        {"minute": at(0, day=3), "contacts": 20, "offered": 20, "abandoned": 1},
        {"minute": at(0, day=4), "contacts": 40, "offered": 40, "abandoned": 2},
    )
    rows = compared(store, site, "previous", "abandon_rate", "offered").rows
    assert [r.verdict for r in rows if r.column.label == "abandon_rate"] == [
        *("", "worse", "few", "better", "same")
    ]
    assert {r.verdict for r in rows if r.column.label == "offered"} == {""}  # neutral


@pytest.mark.parametrize(
    "case",
    [
        ("previous", "hour", "2026-01-05T00:00", "2026-01-04T23:00"),
        ("week", "hour", "2026-01-05T09:00", "2025-12-29T09:00"),
        ("previous", "day", "2026-03-01", "2026-02-28"),
        ("month", "day", "2026-03-31", "2026-02-28"),
        ("quarter", "day", "2026-05-31", "2026-02-28"),
        ("year", "day", "2028-02-29", "2027-02-28"),
        ("previous", "week", "2026-01-05", "2025-12-29"),
        ("year", "week", "2026-01-05", "2025-01-06"),
        ("previous", "month", "2026-01-01", "2025-12-01"),
        ("quarter", "month", "2026-01-01", "2025-10-01"),
        ("year", "month", "2026-01-01", "2025-01-01"),
    ],
)
@pytest.mark.parametrize("is_bounded", [False, True])
def test_what_a_period_is_held_against(
    store: Client, site: str, case: tuple[str, str, str, str], is_bounded: bool
) -> None:
    against, by, now, then = case
    moments = [datetime.fromisoformat(f"{text}+08:00") for text in map(_whole, (now, then))]
    put_minutes(store, site, level(moments[0], 60, 100), level(moments[1], 50, 100))
    options: dict[str, Any] = {"by": by}
    if is_bounded:
        last = {"hour": 1, "day": 24, "week": 168, "month": 28 * 24}[by]
        options |= {"start": moments[0], "end": _later(moments[0], last)}
    rows = compared(store, site, against, METRIC, **options).rows
    assert [facts(row)[:2] for row in rows if row.period.startswith(now)] == [(60.0, 50.0)]


def _whole(text: str) -> str:
    return text if "T" in text else f"{text}T00:00"


def _later(moment: datetime, hours: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() + hours * 3600, UTC)


def test_a_total_beside_the_time_of_the_same_length_before(store: Client, site: str) -> None:
    put_minutes(
        store,
        site,
        level(at(0), 10, 100),
        level(at(0, day=1), 40, 100),
        level(at(0, day=2), 60, 100),
        level(at(0, day=3), 80, 100),
    )
    span = {"by": "total", "start": at(0, day=2), "end": at(0, day=4)}
    [row] = compared(store, site, "previous", METRIC, **span).rows
    assert facts(row) == (70.0, 25.0, 45.0, 180.0, "better")
    with pytest.raises(ConfigError, match="give --from and --to, or a period with --by"):
        compared(store, site, "previous", METRIC, by="total")
    with pytest.raises(ConfigError, match="a month is not held against a week"):
        compared(store, site, "week", METRIC, by="month")


def test_the_target_of_the_narrowest_unit_and_period(store: Client, site: str) -> None:
    put_minutes(
        store,
        site,
        *(
            {"minute": at(0), "dims": "queue", "queue": queue, "contacts": 100, "offered": 100}
            | {"sl_offered": 100, "answered_in_threshold": 85, "abandoned": 5}
            for queue in ("vip", "other")
        ),
    )
    targets = [
        {"metric": "abandon_rate", "value": 4.0},
        {"metric": "abandon_rate", "value": 9.0, "period": "month"},
        {"metric": "abandon_rate", "value": 6.0, "queue": "vip"},
        {"metric": "abandon_rate:all", "value": 5.0, "queue": "vip"},
    ]
    asked = ("abandon_rate", "abandon_rate:all", METRIC)
    options: dict[str, Any] = {"group": ("queue",), "targets": targets}
    rows = compared(store, site, "target", *asked, **options).rows
    assert [(row.group[0], row.column.label, row.other, row.verdict) for row in rows] == [
        ("other", "abandon_rate", 4.0, "missed"),
        ("other", "abandon_rate:all", 4.0, "missed"),
        # The service level's stands with the queue: 80 % where it says nothing.
        ("other", METRIC, 80.0, "met"),
        ("vip", "abandon_rate", 6.0, "met"),
        ("vip", "abandon_rate:all", 5.0, "met"),  # exactly the target is met
        ("vip", METRIC, 90.0, "missed"),
    ]
    by_month = compared(store, site, "target", "abandon_rate", by="month", **options).rows
    assert [row.other for row in by_month] == [9.0, 6.0]


def test_a_team_inherits_from_its_department_and_that_from_the_site(
    store: Client, site: str
) -> None:
    put_minutes(
        store,
        site,
        *(
            {"minute": at(0), "dims": "agent", "team": team, "handled": 50, "transferred": 4}
            for team in ("red", "blue")
        ),
    )
    targets = [
        {"metric": "transfer_rate", "value": 10.0},
        {"metric": "transfer_rate", "value": 5.0, "department": "care"},
    ]
    options: dict[str, Any] = {"group": ("team",), "targets": targets}
    rows = compared(store, site, "target", "transfer_rate", **options).rows
    # 4 of 50 is 8 %: the red team is the department's, the blue one only the site's.
    assert [(row.group[0], row.other, row.verdict) for row in rows] == [
        ("blue", 10.0, "met"),
        ("red", 5.0, "missed"),
    ]


def test_targets_that_are_changes_of_a_baseline(store: Client, site: str) -> None:
    """R58 asks for changes without saying of what: kind and baseline are told (G3)."""
    past = datetime(2025, 3, 1, tzinfo=UTC)
    put_minutes(
        store,
        site,
        {"minute": past, "contacts": 20, "answered": 20, "wait_answered_ms": 800_000},
        {"minute": at(0), "contacts": 20, "answered": 20, "wait_answered_ms": 300_000},
    )
    baseline = {"since": date(2025, 1, 1), "until": date(2026, 1, 1)}
    change = {"metric": "asa", "value": -50.0, "baseline": baseline}
    options: dict[str, Any] = {"start": at(0)}
    [row] = compared(
        store, site, "target", "asa", targets=[change | {"kind": "relative"}], **options
    ).rows
    # 40 s in 2025: half of it is 20 s, and 50 s less would be -10 s.
    assert facts(row) == (15.0, 20.0, -5.0, -25.0, "met")
    [row] = compared(
        store, site, "target", "asa", targets=[change | {"kind": "points"}], **options
    ).rows
    assert facts(row) == (15.0, -10.0, 25.0, 250.0, "missed")
    elsewhen = {"since": date(2020, 1, 1), "until": date(2021, 1, 1)}
    unknown = change | {"kind": "relative", "baseline": elsewhen}
    [row] = compared(store, site, "target", "asa", targets=[unknown], **options).rows
    assert facts(row) == (15.0, None, None, None, "")


def test_the_sensitive_index_is_of_the_same_days_a_year_before(store: Client, site: str) -> None:
    """Six complaints around 15 March 2026, four in 2025: 1.5 a day for each one then."""

    def opened(ticket_id: str, moment: datetime) -> dict[str, Any]:
        again = moment.replace(year=moment.year + 1)
        known = {"site": site, "ticket_id": ticket_id, "revision": 1, "events": 1}
        return known | {
            **{"opened_at": moment, "sensitive_date": "consumer"},
            **{"sensitive_at": moment, "sensitive_again_at": again},
        }

    days = {2025: (8, 12, 15, 20), 2026: (9, 12, 15, 15, 16, 21)}
    rows = [
        opened(f"{year}-{i}", datetime(year, 3, day, 4, tzinfo=UTC))
        for year, window in days.items()
        for i, day in enumerate(window)
    ]
    # Next year's counterpart of today's has yet to come.
    rows.append(opened("today", datetime.now(UTC).replace(day=1, microsecond=0)))
    store.execute(
        f"INSERT INTO tickets ({', '.join(rows[0])}) VALUES", [[*r.values()] for r in rows]
    )
    asked: dict[str, Any] = {"zone": SHANGHAI, "catalogue": load_catalogue()}
    span: dict[str, Any] = {"start": at(0), "end": at(0, day=181)}
    metrics = ("sensitive_index", "sensitive=sensitive_complaints", "before=sensitive_year_before")
    table = Report(metrics, site, by="total", **span, **asked).run(store)
    assert [row.values for row in table.rows] == [(1.5, 6, 4)]
    by_day = Report(metrics, site, by="day", **asked).run(store)
    found = {row.period: row.values for row in by_day.rows}
    assert found["2026-03-15"] == (2.0, 2, 1)
    assert found["2026-03-08"] == (0.0, 0, 1)
    assert found["2026-03-09"] == (None, 1, 0)
    assert max(found) < "2027-03-01"


def test_how_it_is_written(store: Client, site: str) -> None:
    put_minutes(store, site, level(at(600), 100, 200), level(at(600, day=1), 170, 200))
    table = compared(store, site, "previous", METRIC, "offered", start=at(0, day=1))
    text = as_text(table).splitlines()
    assert text[0].split("  ")[0] == "period"
    assert [" ".join(line.split()) for line in text[2:4]] == [
        "2026-01-06 Service level V1 (%) 85.00 50.00 +35.00 +70.0 better 200 4.9",
        "2026-01-06 Offered 200 200 0 0.0 - - -",
    ]
    assert "好转" in as_text(table, "zh")
    assert "上一时段" in as_text(table, "zh")
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert rows[0]["verdict"] == "better"
    assert rows[1]["margin"] == ""
    content = json.loads(as_json(table))
    assert content["against"] == "previous"
    assert content["rows"][0]["change_pct"] == pytest.approx(70.0)
    assert content["rows"][0]["unit"] == "%"
