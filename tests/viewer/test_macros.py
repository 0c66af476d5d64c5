"""Macros, variables and times, as the plugin and Grafana expand them (spec of plugin 4.20)."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime
from types import ModuleType
from zoneinfo import ZoneInfo

import pytest

from pipeline.viewer import macros, timerange, variables
from pipeline.viewer.macros import TimeRange, expand
from pipeline.viewer.timerange import is_relative, moment, time_range
from pipeline.viewer.variables import UnknownFormatError, interpolate

# 2026-03-02 01:02:03.456 to 05:02:03.789 UTC; a step of ten seconds.
TIME = TimeRange(1_772_413_323_456, 1_772_427_723_789, 10_000)
FROM, TO = "toDateTime(1772413323)", "toDateTime(1772427723)"
FROM_MS = "fromUnixTimestamp64Milli(1772413323456)"
TO_MS = "fromUnixTimestamp64Milli(1772427723789)"


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("$__timeFilter(c)", f"c >= {FROM} AND c <= {TO}"),
        ("$__timeFilter_ms(c)", f"c >= {FROM_MS} AND c <= {TO_MS}"),
        ("$__dateFilter(c)", "c >= toDate('2026-03-02') AND c <= toDate('2026-03-02')"),
        (
            "$__dateTimeFilter(d, t)",
            "(d >= toDate('2026-03-02') AND d <= toDate('2026-03-02')) AND "
            f"(t >= {FROM} AND t <= {TO})",
        ),
        (
            "$__dt(d, t)",
            "(d >= toDate('2026-03-02') AND d <= toDate('2026-03-02')) AND "
            f"(t >= {FROM} AND t <= {TO})",
        ),
        ("$__fromTime", FROM),
        ("$__toTime", TO),
        ("$__fromTime_ms", FROM_MS),
        ("$__toTime_ms", TO_MS),
        ("$__timeFrom(c)", f"c >= {FROM}"),
        ("$__timeTo(c)", f"c <= {TO}"),
        ("$__timeInterval(c)", "toStartOfInterval(toDateTime(c), INTERVAL 10 second)"),
        (
            "$__timeInterval_ms(c)",
            "toStartOfInterval(toDateTime64(c, 3), INTERVAL 10000 millisecond)",
        ),
        ("$__timeGroup(c, 5m)", "toStartOfInterval(toDateTime(c), INTERVAL 300 second)"),
        ("$__timeGroup(c, 1h30m)", "toStartOfInterval(toDateTime(c), INTERVAL 5400 second)"),
        ("$__interval_s", "10"),
        # Comments go, texts stay, unknown macros stay, macros stand within macros.
        ("a -- $__fromTime\nb /* $__toTime */ c", "a \nb  c"),
        ("'-- $' = x", "'-- $' = x"),
        ("$__lttb(a)", "$__lttb(a)"),
        ("$__timeFilter(f(a, $__fromTime))", f"f(a, {FROM}) >= {FROM} AND f(a, {FROM}) <= {TO}"),
        ("x >= $__fromTime - INTERVAL 1 DAY", f"x >= {FROM} - INTERVAL 1 DAY"),
    ],
)
def test_each_macro_expands_as_the_plugin_does(sql: str, expanded: str) -> None:
    assert expand(sql, TIME) == expanded


@pytest.mark.parametrize("sql", ["$__timeFilter", "$__timeFilter(a, b)", "$__timeGroup(c, 1d)"])
def test_a_macro_that_cannot_be_expanded_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match=r"\$__time"):
        expand(sql, TIME)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = ${q:singlequote}", "a = 'o\\'b'"),
        ("a = $q AND ${q}", "a = o'b AND o'b"),
        ("IN (${many:singlequote})", "IN ('x','y')"),
        ("IN ($many)", "IN ('x','y')"),
        ("/d/x?${many:queryparam}", "/d/x?var-many=x&var-many=y"),
        ("/d/x?${q:queryparam}", "/d/x?var-q=o%27b"),
        ("${unknown:singlequote} $__fromTime", "${unknown:singlequote} $__fromTime"),
        ("$__conditionalAll(f(a) = 1, $q)", "f(a) = 1"),
        ("$__conditionalAll(a = 1, $none) AND b", "1=1 AND b"),
        ("$__conditionalAll(a = 1, ${all})", "1=1"),
        ("${none:singlequote}", "''"),
    ],
)
def test_variables_are_put_in_as_grafana_does(text: str, expected: str) -> None:
    values = {"q": ("o'b",), "many": ("x", "y"), "none": ("",), "all": ("$__all",)}
    assert interpolate(text, values) == expected


def test_an_unsupported_format_is_refused() -> None:
    with pytest.raises(UnknownFormatError, match="no format 'lucene'"):
        interpolate("${q:lucene}", {"q": ("a",)})


SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 4, 17, 30, tzinfo=UTC)  # Thursday 01:30 in Shanghai


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-05T01:30:00+08:00"),
        ("now-30m", "2026-03-05T01:00:00+08:00"),
        ("now-7d", "2026-02-26T01:30:00+08:00"),
        ("now/d", "2026-03-05T00:00:00+08:00"),
        ("now-1d/d", "2026-03-04T00:00:00+08:00"),
        ("now/w", "2026-03-02T00:00:00+08:00"),
        ("now/M", "2026-03-01T00:00:00+08:00"),
    ],
)
def test_times_are_those_of_the_centres_clocks(text: str, expected: str) -> None:
    assert is_relative(text)
    assert moment(text, NOW, SHANGHAI).isoformat() == expected


@pytest.mark.parametrize("text", ["", "yesterday", "now-99999d", "now-1y", "1700000000000"])
def test_other_times_are_refused(text: str) -> None:
    assert not is_relative(text)
    with pytest.raises(ValueError, match="is no time"):
        moment(text, NOW, SHANGHAI)


@pytest.mark.parametrize(
    ("hours", "points", "seconds"),
    [
        (0.5, 100, 60),  # 18 s a point, but at least a minute
        (24, 100, 900),  # 864 s lie below the bound of 1,050 s: 15 minutes
        (24 * 7, 100, 7_200),  # 6,048 s: two hours
        (24 * 30, 100, 21_600),  # 25,920 s: six hours
    ],
)
def test_the_step_is_what_grafana_rounds_to(hours: float, points: int, seconds: int) -> None:
    end = datetime.fromtimestamp(NOW.timestamp() + hours * 3600, tz=UTC)
    assert time_range(NOW, end, "1m", points).interval_s == seconds


@pytest.mark.parametrize("module", [macros, timerange, variables], ids=lambda m: m.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
