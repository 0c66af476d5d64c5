"""A report and what to hold it against flow in, each value beside an earlier one or a target out.

Every value comes with the number of things that it rests on and, for a share, its margin of error.
One that rests on fewer than the metric asks for is not judged.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from pipeline.errors import ConfigError
from pipeline.report import Cell, Column, Report, ReportTable, Row, Store
from schemas.catalogue import Formula, Metric
from schemas.formula import denominator, measures
from schemas.site import SiteConfig
from schemas.targets import Baseline, Target, lineage, target_for

Against = Literal["previous", "week", "month", "quarter", "year", "target"]
AGAINST: tuple[Against, ...] = get_args(Against)
_Values = Mapping[tuple[str, tuple[str, ...]], Sequence[Cell]]
"""By period and group, the value of each column."""
Verdict = Literal["better", "worse", "same", "met", "missed", "few", ""]
"""`few`: it rests on too few to judge; "": there is nothing to judge."""

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_WEEKS = {"week": 1, "month": 4, "quarter": 13, "year": 52}
"""By weeks a year before is 52 of them, so that weeks are held against weeks."""
_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_CLAMPED = timedelta(days=3)
"""By how much the end of a month may lie before the same day of a longer one."""


@dataclass(frozen=True)
class Compared:
    """One metric of one period and group.

    Args:
        period: as in the report.
        group: as in the report.
        column: the metric.
        value: its value.
        other: the earlier value, or the target's.
        sample: what the value is taken of; None for what is no ratio.
        margin: half the width of a share's 95 % interval, in percentage points.
        verdict: how it compares, by the metric's direction.
    """

    period: str
    group: tuple[str, ...]
    column: Column
    value: Cell
    other: Cell
    sample: Cell
    margin: float | None
    verdict: Verdict

    @property
    def difference(self) -> Cell:
        """Return by how much the value is more than the other, in the metric's unit."""
        return None if self.value is None or self.other is None else self.value - self.other

    @property
    def change_pct(self) -> float | None:
        """Return the same in percent of the other's size; None for a change from 0."""
        if self.difference is None or not self.other:
            return None
        return self.difference / abs(self.other) * 100


@dataclass(frozen=True)
class Comparison:
    """Every value of a report beside another."""

    against: Against
    table: ReportTable
    rows: tuple[Compared, ...]


def compare(report: Report, store: Store, against: Against, site: SiteConfig) -> Comparison:
    """Run a report and hold each of its values against an earlier one, or the site's target.

    Raises:
        ConfigError: as `Report.run`; or a total is to be compared whose ends are not given.
    """
    columns = report.columns()
    sampled = tuple(_sampled(column) for column in columns)
    wide = report.table(store, (*columns, *sampled))
    table = replace(wide, columns=columns)
    if against == "target":
        others = _wanted(report, store, site, table)
    else:
        others = _earlier(report, store, against, wide)
    rows = []
    for row in wide.rows:
        known = others.get((row.period, row.group), (None,) * len(columns))
        for position, column in enumerate(columns):
            metric = report.catalogue.metrics.get(column.label.partition(":")[0])
            value, other = row.values[position], known[position]
            sample = row.values[len(columns) + position] if sampled[position].compiled else None
            margin = margin_of_error(value, sample) if column.unit == "%" else None
            verdict = judge(metric, value, other, sample, is_target=against == "target")
            rows.append(
                Compared(row.period, row.group, column, value, other, sample, margin, verdict)
            )
    return Comparison(against, table, tuple(rows))


def margin_of_error(value_pct: Cell, sample: Cell) -> float | None:
    """Return half the width of a share's 95 % interval, in percentage points.

    1.96 √(p (1 − p) / n), the normal approximation; None without a sample.

    >>> round(margin_of_error(85, 30), 1), round(margin_of_error(85, 200), 1)
    (12.8, 4.9)
    """
    if value_pct is None or not sample or not 0 <= value_pct <= 100:
        return None
    share = value_pct / 100
    return 196 * math.sqrt(share * (1 - share) / sample)


def judge(
    metric: Metric | None, value: Cell, other: Cell, sample: Cell, *, is_target: bool
) -> Verdict:
    """Return how a value compares; a metric without a better direction is not judged."""
    if metric is None or value is None or other is None or metric.direction not in "HL":
        return ""
    if metric.min_sample is not None and sample is not None and sample < metric.min_sample:
        return "few"
    ahead = value - other if metric.direction == "H" else other - value
    if is_target:
        return "met" if ahead >= 0 else "missed"
    return "better" if ahead > 0 else "worse" if ahead < 0 else "same"


def _sampled(column: Column) -> Column:
    """Return the column of what a ratio is taken of; one without a formula if it is no ratio."""
    whole = column.compiled
    below = denominator(whole.tree) if whole is not None else None
    if whole is None or below is None or not measures(below):
        return replace(column, compiled=None, look_ahead_ms=0)
    homes = {m: home for m, home in whole.homes.items() if m in measures(below)}
    return replace(column, compiled=Formula(whole.text, below, homes), look_ahead_ms=0)


# -- an earlier time ------------------------------------------------------------------------------


def _earlier(report: Report, store: Store, against: Against, now: ReportTable) -> _Values:
    """The values of the earlier time, by the period and group that they are held against."""
    then = _moved(report, against)
    found = {(row.period, row.group): row.values for row in then.run(store).rows}
    back = {row.period: _before(row.period, report, against) for row in now.rows}
    return {
        (row.period, row.group): values
        for row in now.rows
        if (values := found.get((back[row.period], row.group))) is not None
    }


def _moved(report: Report, against: Against) -> Report:
    """The same report of the earlier time."""
    start, end = report.start, report.end
    if report.by == "total" and (start is None or end is None):
        msg = "a total is compared with one of as long: give --from and --to, or a period with --by"
        raise ConfigError(msg)
    if report.by == "month" and against == "week":
        msg = "a month is not held against a week: compare with previous, month, quarter or year"
        raise ConfigError(msg)
    if report.by == "total" and against == "previous" and start and end:
        return replace(report, start=start - (end - start), end=start)
    slack = _CLAMPED if report.by in ("minute", "hour", "day") else timedelta()
    return replace(
        report,
        start=start and _moment_before(start, report, against),
        end=end and _moment_before(end, report, against) + slack,
    )


def _before(period: str, report: Report, against: Against) -> str:
    """The name of the period that one is held against."""
    if report.by == "total":
        return period
    if report.by in _STEPS:
        moment = _moment_before(datetime.fromisoformat(period), report, against)
        return moment.isoformat(timespec="minutes")
    return _day_before(date.fromisoformat(period), report.by, against).isoformat()


def _moment_before(moment: datetime, report: Report, against: Against) -> datetime:
    """The same time of an earlier day, on the site's clock; or the step of time before."""
    zone = ZoneInfo(report.zone)
    step = _STEPS.get(report.by)
    if against == "previous" and step is not None:
        return (moment.astimezone(ZoneInfo("UTC")) - step).astimezone(zone)
    local = moment.astimezone(zone)
    day = _day_before(local.date(), report.by, against)
    return datetime.combine(day, local.time(), zone)


def _day_before(day: date, by: str, against: Against) -> date:
    """The day so long before; the last of its month where that month is shorter."""
    if by == "week":
        return day - timedelta(weeks=_WEEKS.get(against, 1))
    if against == "week":
        return day - timedelta(weeks=1)
    months = _MONTHS.get(against, 1 if by == "month" else 0)
    if not months:
        return day - timedelta(days=1)
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


# -- targets --------------------------------------------------------------------------------------


def _wanted(report: Report, store: Store, site: SiteConfig, table: ReportTable) -> _Values:
    """What each value is to come to, where the site has a target for it."""
    department_of = {code: team.department for code, team in site.teams.items() if team.department}
    baselines: dict[Baseline, _Values] = {}

    def value_of(target: Target | None, row: Row, position: int) -> Cell:
        if target is None or target.baseline is None:
            return None if target is None else target.of(None)
        if target.baseline not in baselines:
            baselines[target.baseline] = _in_total(report, store, target.baseline)
        known = baselines[target.baseline].get(("total", row.group))
        return target.of(known[position] if known else None)

    wanted: dict[tuple[str, tuple[str, ...]], Sequence[Cell]] = {}
    for row in table.rows:
        units = lineage(dict(zip(report.group, row.group, strict=True)), department_of)
        wanted[row.period, row.group] = [
            value_of(_target(site, column.label, units, report.by), row, position)
            for position, column in enumerate(table.columns)
        ]
    return wanted


def _target(
    site: SiteConfig, label: str, units: Sequence[tuple[str, str]], by: str
) -> Target | None:
    """The target in force; that of the service level stands with its threshold."""
    target = target_for(site.targets, label, units, by)
    if target is None and label.partition(":")[0] == "service_level":
        limits = site.limits(dict(units).get("queue", ""))
        return Target(metric=label, value=limits.target_pct)
    return target


def _in_total(report: Report, store: Store, baseline: Baseline) -> _Values:
    zone = ZoneInfo(report.zone)
    start, end = (datetime.combine(day, time(), zone) for day in (baseline.since, baseline.until))
    past = replace(report, by="total", start=start, end=end)
    return {(row.period, row.group): row.values for row in past.run(store).rows}
