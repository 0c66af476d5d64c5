"""SQL with the ClickHouse plugin's macros and a time range in, SQL that the engine reads out.

Expanded as grafana-clickhouse-datasource 4.20 does it, character for character, so that a board
shows the same here and in Grafana. Comments go first; macros may stand in each other's arguments;
what is no macro stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class TimeRange:
    """From when to when, epoch ms, and the step of time that a panel's width leaves, in ms."""

    from_ms: int
    to_ms: int
    interval_ms: int = 1_000

    @property
    def interval_s(self) -> int:
        """Return the step in whole seconds, at least one."""
        return max(1, self.interval_ms // 1000)


_COMMENT = re.compile(r"('(?:[^'\\]|\\.|'')*')|--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r"\$__(\w+)")
_DURATION = re.compile(r"(\d+)([hms])")
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def expand(sql: str, time: TimeRange) -> str:
    """Expand every macro.

    Raises:
        ValueError: a macro has the wrong number of arguments or a bad duration.

    >>> expand("WHERE $__timeFilter(t)", TimeRange(1_000, 2_000))
    'WHERE t >= toDateTime(1) AND t <= toDateTime(2)'
    """
    return _expand(_COMMENT.sub(lambda found: found[1] or "", sql), time)


def _expand(sql: str, time: TimeRange) -> str:
    out, at = [], 0
    while found := _NAME.search(sql, at):
        name = found[1]
        out.append(sql[at : found.start()])
        at = found.end()
        if name not in _MACROS:
            out.append(found[0])
            continue
        count, macro = _MACROS[name]
        arguments: list[str] = []
        if count:
            arguments, at = _arguments(sql, at)
            if len(arguments) != count:
                msg = f"$__{name}: {count} argument(s) expected, not {len(arguments)}"
                raise ValueError(msg)
        out.append(macro(time, *(_expand(argument, time) for argument in arguments)))
    return "".join([*out, sql[at:]])


def _arguments(sql: str, at: int) -> tuple[list[str], int]:
    """Split what stands in the brackets that open at `at`; gives where they close as well."""
    if sql[at : at + 1] != "(":
        return [], at
    depth, begin, found = 0, at + 1, []
    for place in range(at, len(sql)):
        sign = sql[place]
        depth += (sign == "(") - (sign == ")")
        if depth == 0 or (depth == 1 and sign == ","):
            found.append(sql[begin:place].strip())
            begin = place + 1
        if depth == 0:
            return found, place + 1
    msg = f"brackets that do not close: {sql[at : at + 40]!r}"
    raise ValueError(msg)


def _second(ms: int) -> str:
    return f"toDateTime({ms // 1000})"


def _milli(ms: int) -> str:
    return f"fromUnixTimestamp64Milli({ms})"


def _day(ms: int) -> str:
    return f"toDate('{datetime.fromtimestamp(ms / 1000, tz=UTC):%Y-%m-%d}')"


def _between(column: str, of: Callable[[int], str], time: TimeRange) -> str:
    return f"{column} >= {of(time.from_ms)} AND {column} <= {of(time.to_ms)}"


def _date_and_time(time: TimeRange, date: str, moment: str) -> str:
    return f"({_between(date, _day, time)}) AND ({_between(moment, _second, time)})"


def _start(column: str, seconds: int) -> str:
    return f"toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)"


def _group(time: TimeRange, column: str, duration: str) -> str:
    del time
    text = duration.strip("'\"")
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        msg = f"$__timeGroup: {duration!r} is no duration; write it as 30s, 5m or 1h30m"
        raise ValueError(msg)
    return _start(column, sum(int(count) * _SECONDS[unit] for count, unit in parts))


_MACROS: Mapping[str, tuple[int, Callable[..., str]]] = {
    "timeFilter": (1, lambda time, column: _between(column, _second, time)),
    "timeFilter_ms": (1, lambda time, column: _between(column, _milli, time)),
    "dateFilter": (1, lambda time, column: _between(column, _day, time)),
    "dateTimeFilter": (2, _date_and_time),
    "dt": (2, _date_and_time),
    "fromTime": (0, lambda time: _second(time.from_ms)),
    "toTime": (0, lambda time: _second(time.to_ms)),
    "fromTime_ms": (0, lambda time: _milli(time.from_ms)),
    "toTime_ms": (0, lambda time: _milli(time.to_ms)),
    "timeFrom": (1, lambda time, column: f"{column} >= {_second(time.from_ms)}"),
    "timeTo": (1, lambda time, column: f"{column} <= {_second(time.to_ms)}"),
    "timeInterval": (1, lambda time, column: _start(column, time.interval_s)),
    "timeInterval_ms": (
        1,
        lambda time, column: (
            f"toStartOfInterval(toDateTime64({column}, 3), "
            f"INTERVAL {max(1, time.interval_ms)} millisecond)"
        ),
    ),
    "timeGroup": (2, _group),
    "interval_s": (0, lambda time: str(time.interval_s)),
}
"""Each macro: how many arguments, and what becomes of it."""
