"""A year of a large centre, made up in the store, flows in; how long reports of it take flows out.

12 million calls, 1,000 agents in 50 teams, 8 queues: base rows by minute in every dimension set, as
8 shards write them, and a row per call in `contacts`. Then hours are added up, and reports are
asked for as a manager asks, each some times over.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from infra import clickhouse
from pipeline.report import Report
from pipeline.report_periods import By
from pipeline.sinks.client import Client
from pipeline.sinks.hours import add_up_hours
from pipeline.sinks.migrate import migrate
from schemas.catalogue import load_catalogue
from schemas.rollups import Rollup
from schemas.rows import row_families

YEAR = 2025
ZONE = "Asia/Shanghai"
QUEUES = ("general", "billing", "technical", "complaints", "vip", "chat", "callback", "sales")
TIMES = 5
FAMILY = row_families()["calls"]

# One call, by its number within the month: most of them by day, 78 of 100 answered.
CALLS = """
SELECT number AS n, cityHash64(number, {month}) AS h,
    toDateTime('{year}-{month:02d}-01 00:00:00', 'UTC') + 86400 * (n % {days})
        + if(h % 20 = 0, h % 86400, h % 43200) AS second,
    toStartOfMinute(second) AS minute,
    intDiv(h, 7) % 100 < 78 AS is_answered,
    toInt64(intDiv(h, 11) % 60000) AS waited,
    toInt64(60000 + intDiv(h, 13) % 300000) AS talked,
    {queues}[(intDiv(h, 17) % 50 + h % 2) % 8 + 1] AS queue,
    ['voice', 'voice', 'voice', 'chat'][h % 4 + 1] AS channel,
    'inbound' AS direction, ['enquiry', 'service', 'complaint', 'sales'][intDiv(h, 3) % 4 + 1]
    AS call_type, '' AS priority,
    if(is_answered, concat('agent-', toString(intDiv(h, 17) % 1000)), '') AS agent_id,
    if(is_answered, concat('team-', toString(intDiv(h, 17) % 50)), '') AS team,
    concat('product-', toString(intDiv(h, 19) % 20)) AS product,
    concat('region-', toString(intDiv(h, 23) % 30)) AS region,
    toUInt16(intDiv(h, 29) % 8) AS shard
FROM numbers({calls})
"""
MEASURES = {
    "contacts": "1",
    "callers": "n % 3 = 0",
    "offered": "1",
    "sl_offered": "1",
    "answered": "is_answered",
    "answered_in_threshold": "is_answered AND waited <= 20000",
    "answered_20s": "is_answered AND waited <= 20000",
    "abandoned": "NOT is_answered",
    "short_abandoned": "NOT is_answered AND waited <= 5000",
    "abandoned_in_threshold": "NOT is_answered AND waited <= 20000",
    "queue_loss": "NOT is_answered",
    "wait_answered_ms": "is_answered * waited",
    "wait_abandoned_ms": "NOT is_answered * waited",
    "handled": "is_answered",
    "talk_ms": "is_answered * talked",
    "acw_ms": "is_answered * 30000",
    "wait_answered_bins": "300 + intDiv(waited, 500)",
    "talk_bins": "400 + intDiv(talked, 2000)",
}
"""What a call counts as; of a histogram, its bin."""
CONTACTS = """
INSERT INTO contacts (site, contact_id, shard, revision, queue, channel, direction, call_type,
    agent_id, team, product, region, outcome, started_at, queued_at, exited_at, answered_at,
    ended_at, completed_at, wait_ms, talk_ms, hold_ms, acw_ms, offers, in_threshold, events)
SELECT 'large', concat('{month}-', toString(n)), shard, 1, queue, channel, direction, call_type,
    agent_id, team, product, region, if(is_answered, 'handled', 'abandoned'),
    second, second, second + intDiv(waited, 1000), if(is_answered, second, NULL),
    second + 300, second + 330, waited, if(is_answered, talked, NULL), 0, 30000, 1,
    is_answered AND waited <= 20000, 4
FROM ({calls})
"""


def measure(directory: Path, calls: int) -> dict[str, float]:
    """Make the year and ask.

    Returns:
        Seconds of adding up, of each report (median), disk in bytes per million events of base
        rows and of added-up hours, and rows of both.
    """
    server = clickhouse.start(directory)
    try:
        with Client(lambda: server.url, timeout_s=600) as client:
            migrate(client)
            _fill(client, calls)
            client.execute(Rollup(FAMILY).touch_all)
            began = time.monotonic()
            add_up_hours(client)
            found = {"add_up_s": time.monotonic() - began, **_sizes(client)}
            for name, report in _reports().items():
                found[name] = _median(report, client)
    finally:
        clickhouse.stop(directory)
    return found


def _fill(client: Client, calls: int) -> None:
    """Write the year, a month at a time."""
    for month in range(1, 13):
        made = CALLS.format(year=YEAR, month=month, days=28, queues=list(QUEUES), calls=calls // 12)
        client.execute(CONTACTS.format(month=month, calls=made))
        for name, columns in FAMILY.sets.items():
            kept = [m for m in MEASURES if m in FAMILY.kept[name]]
            sums = [
                f"sumMap(map(toUInt16({MEASURES[m]}), toInt64(1)))"
                if m in FAMILY.histograms
                else f"sum(toInt64({MEASURES[m]}))"
                for m in kept
            ]
            key = ", ".join(["minute", "shard", *columns])
            client.execute(
                f"INSERT INTO {FAMILY.table} (site, dims, revision, {', '.join([key, *kept])}) "
                f"SELECT 'large', '{name}', 1, {', '.join([key, *sums])} "
                f"FROM ({made}) GROUP BY {key}"
            )


def _reports() -> dict[str, Report]:
    """What a manager asks: names as the table has them."""
    year = datetime(YEAR, 1, 1, tzinfo=UTC), datetime(YEAR + 1, 1, 1, tzinfo=UTC)
    march = datetime(YEAR, 3, 1, tzinfo=UTC), datetime(YEAR, 4, 1, tzinfo=UTC)
    day = datetime(YEAR, 3, 4, tzinfo=UTC), datetime(YEAR, 3, 5, tzinfo=UTC)
    catalogue, times = load_catalogue(), ("aht", "acw")
    usual = ("offered", "service_level", "asa", "aht", "abandon_rate")

    def report(*metrics: str, by: By, group: str, between: tuple[datetime, datetime]) -> Report:
        start, end = between
        groups = (group,) if group else ()
        return Report(metrics, "large", ZONE, by, groups, start, end, catalogue=catalogue)

    return {
        "a year by day and queue": report(*usual, by="day", group="queue", between=year),
        "a year by day and team": report(*times, by="day", group="team", between=year),
        "a year by month and agent": report(*times, by="month", group="agent_id", between=year),
        "a year by month": report(*usual, by="month", group="", between=year),
        "a year by month, exact P90": report("wait_p90", by="month", group="", between=year),
        "a month by hour and queue": report(*usual, by="hour", group="queue", between=march),
        "a day by minute": report(*usual, by="minute", group="", between=day),
    }


def _median(report: Report, client: Client) -> float:
    """Seconds of a report, the first time left out: files are read from the disk then."""
    spent = []
    for _ in range(TIMES + 1):
        began = time.monotonic()
        table = report.run(client)
        spent.append(time.monotonic() - began)
        assert table.rows
    return statistics.median(spent[1:])


def _sizes(client: Client) -> dict[str, float]:
    """Rows, and bytes on the disk, of minutes, hours and facts."""
    rows = client.execute(
        "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active "
        "AND database = currentDatabase() AND table IN %(tables)s GROUP BY table",
        {"tables": (FAMILY.table, Rollup(FAMILY).table, "contacts")},
    )
    return {
        f"{table}_{what}": float(value)
        for table, count, size in rows
        for what, value in (("rows", count), ("bytes", size))
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
