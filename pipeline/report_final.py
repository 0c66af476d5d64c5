"""A period and a look-ahead flow in, whether its value is final flows out.

A value is final when all that may still change it has had its time: when the store has heard of
things that happened later than the period's end by the look-ahead. What was heard of counts, not
the clock: of a file that ends in March, March is provisional for ever.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.report_periods import By
from schemas.measures import BaseFamily, literal
from schemas.selection import TABLE


def heard_until(family: BaseFamily, site: str) -> str:
    """SQL for the end of the last minute in which something counts, epoch seconds; 0 if never."""
    return (
        f"SELECT toInt64(toUnixTimestamp(max({TABLE}.minute))) + 60 "
        f"FROM {family.table} AS {TABLE} "
        f"WHERE {TABLE}.site = {literal(site)} AND {TABLE}.minute <= now()"
    )


def ends_at(period: str, by: By, zone: str) -> datetime | None:
    """When a period is over; None where it goes on as long as anything is heard.

    >>> ends_at("2026-01-01", "month", "Asia/Shanghai").isoformat()
    '2026-02-01T00:00:00+08:00'
    >>> ends_at("2026-03-02T10:00:00+08:00", "hour", "Asia/Shanghai").isoformat()
    '2026-03-02T03:00:00+00:00'
    """
    if by == "total":
        return None
    if by in ("minute", "hour"):
        begin = datetime.fromisoformat(period).astimezone(UTC)
        return begin + timedelta(minutes=1 if by == "minute" else 60)
    day = date.fromisoformat(period)
    if by == "month":
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        day += timedelta(days=7 if by == "week" else 1)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def is_final(end: datetime | None, look_ahead_ms: int, heard_s: int) -> bool:
    """Whether nothing heard of later can change what ended then."""
    return end is not None and end.timestamp() + look_ahead_ms / 1000 <= heard_s
