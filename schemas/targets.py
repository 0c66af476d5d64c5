"""Targets as people write them: what a metric is to come to, for whom, and by which period.

A target says of what kind it is, for "50 % better" may mean a share of a baseline or points on a
scale: `absolute` is a value in the metric's unit, `relative` a change in percent of the baseline's
value, `points` a change of it in the metric's own unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.measures import Strict

Period = Literal["minute", "hour", "day", "week", "month", "total"]
Code = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]

UNITS = ("queue", "team", "department")
"""Whom a target may be for, the narrowest first; the site where none is named."""


class Baseline(Strict):
    """The days whose value is the baseline, from `since` to the one before `until`."""

    since: date
    until: date

    @model_validator(mode="after")
    def _is_some_time(self) -> Baseline:
        if self.since >= self.until:
            msg = f"since {self.since} must come before until {self.until}"
            raise ValueError(msg)
        return self


class Target(Strict):
    """What one metric is to come to."""

    metric: Annotated[str, Field(min_length=1, max_length=200)]
    """Its id, or id:variant."""
    queue: Code | None = None
    team: Code | None = None
    department: Code | None = None
    period: Period | None = None
    """The periods that it is for; all when not given."""
    kind: Literal["absolute", "relative", "points"] = "absolute"
    value: Number
    baseline: Baseline | None = None

    @model_validator(mode="after")
    def _kind_fits(self) -> Target:
        if (self.kind == "absolute") != (self.baseline is None):
            msg = "a relative target and one in points need a baseline, an absolute one has none"
            raise ValueError(msg)
        if len(self.unit) > 1:
            msg = f"for one unit only, not {' and '.join(name for name, _ in self.unit)}"
            raise ValueError(msg)
        return self

    @property
    def unit(self) -> tuple[tuple[str, str], ...]:
        """Return whom it is for: a kind of unit and its code; nothing for the site."""
        codes = zip(UNITS, (self.queue, self.team, self.department), strict=True)
        return tuple((name, code) for name, code in codes if code is not None)

    def of(self, baseline: float | None) -> float | None:
        """Return the value wanted, given the baseline's; None where that is not known.

        >>> Target(metric="first_response", kind="relative", value=-50.0,
        ...     baseline=Baseline(since=date(2025, 1, 1), until=date(2026, 1, 1))).of(40.0)
        20.0
        """
        if self.kind == "absolute":
            return self.value
        if baseline is None:
            return None
        return baseline + self.value * (baseline / 100 if self.kind == "relative" else 1)


def target_for(
    targets: Sequence[Target], label: str, units: Sequence[tuple[str, str]], period: str
) -> Target | None:
    """Return the target that holds, the narrowest unit's and period's first; None if there is none.

    Args:
        targets: all that there are.
        label: the metric, `id` or `id:variant`; a target for the id holds for each variant.
        units: whom it is asked for and, after it, from whom it would inherit: team, department.
        period: by which period.
    """
    names = (label, label.partition(":")[0])
    for unit in (*((unit,) for unit in units), ()):
        for name in names:
            fitting = [t for t in targets if t.metric == name and t.unit == unit]
            for wanted in (period, None):
                for target in fitting:
                    if target.period == wanted:
                        return target
    return None


def lineage(group: Mapping[str, str], department_of: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the units of a report's row, the narrowest first: a team is followed by its parent.

    >>> lineage({"team": "care"}, {"care": "service"})
    [('team', 'care'), ('department', 'service')]
    """
    units = [(name, group[name]) for name in UNITS if name in group]
    parent = department_of.get(group.get("team", ""))
    if parent is not None and "department" not in group:
        units.append(("department", parent))
    return units
