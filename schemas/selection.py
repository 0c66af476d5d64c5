"""Formulas and a breakdown in; table, filters and values of the one query that answers them, out.

The report and the boards build their queries from these parts, so a metric has one SQL. A formula
over measures of several families is computed from their totals, joined by period and group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from schemas.catalogue import Catalogue, Formula
from schemas.formula import to_sql
from schemas.measures import BaseFamily, FactFamily, Family, NowFamily, literal
from schemas.rollups import hours_view

TABLE = "t"
"""The table's alias. Columns are qualified by it: an alias must never capture one."""


class NotKeptError(ValueError):
    """No declared dimension set breaks a metric down as asked; the message lists what there is."""


@dataclass(frozen=True)
class Selection:
    """The rows of one family from which formulas are computed: a table and a dimension set.

    Fact tables and gauges have no sets: any of their dimensions will do, and the set is "".
    `by_hour` reads base rows by whole hours, which have been added up.
    """

    name: str
    family: Family
    dimension_set: str = ""
    by_hour: bool = False

    @property
    def source(self) -> str:
        """Return what follows FROM: shards and revisions are merged by FINAL."""
        if self.by_hour and isinstance(self.family, BaseFamily):
            return f"{hours_view(self.name)} AS {TABLE}"
        if not isinstance(self.family, BaseFamily) and self.family.is_view:
            return f"{self.family.table} AS {TABLE}"
        return f"{self.family.table} AS {TABLE} FINAL"

    @property
    def time(self) -> str | None:
        """Return the column by which a row belongs to a period; a fact may lack it.

        A gauge has none: it shows this moment and no other.
        """
        return None if isinstance(self.family, NowFamily) else f"{TABLE}.{self.family.time}"

    @property
    def moment(self) -> str | None:
        """Return that column as an instant that is always there, once `where` holds."""
        return f"assumeNotNull({self.time})" if isinstance(self.family, FactFamily) else self.time

    def column(self, dimension: str) -> str:
        """Return a dimension's value; a row with a list of values counts once for each of them."""
        if not isinstance(self.family, BaseFamily) and dimension in self.family.lists:
            return f"arrayJoin({TABLE}.{self.family.lists[dimension]})"
        return f"{TABLE}.{dimension}"

    def divided(self, keys: Iterable[str]) -> list[str]:
        """Return the keys of a breakdown by which its rows are told apart: not those of a whole."""
        whole = self.family.whole if isinstance(self.family, FactFamily) else ()
        return [key for key in keys if key not in whole]

    def where(self, site: str) -> list[str]:
        """Return the conditions on a row; `site` is SQL."""
        match self.family:
            case BaseFamily():
                kept = [f"{TABLE}.dims = {literal(self.dimension_set)}"]
            case FactFamily():
                # Without events there is nothing: they all tell of another contact now.
                kept = [f"{self.time} IS NOT NULL", f"{TABLE}.events > 0"]
                kept += [f"notEmpty({TABLE}.{name})" for name in self.family.lists.values()]
                if self.family.until_now:
                    kept.append(f"{self.time} <= now64(3)")
            case NowFamily():
                kept = self.family.conditions(TABLE)
        return [f"{TABLE}.site = {site}", *kept]

    def value(self, formula: Formula) -> str:
        """Return a formula's value over a group's rows."""
        return to_sql(formula.tree, self.total)

    def happened(self, formulas: Sequence[Formula]) -> str:
        """Return "anything was counted": withdrawn rows remain, as zeros."""
        family = self.family
        if not isinstance(family, BaseFamily):
            return "count() > 0"
        used = {*frozenset().union(*(f.measures for f in formulas)), *family.presence}
        return " OR ".join(
            f"arraySum(mapValues({self.total(name)})) != 0"
            if family.measures[name].kind == "histogram"
            else f"{self.total(name)} != 0"
            for name in family.kept(self.dimension_set)
            if name in used
        )

    def total(self, name: str) -> str:
        """Return a measure's total over a group's rows."""
        family = self.family
        if isinstance(family, FactFamily):
            return family.measures[name].sql(TABLE)
        if isinstance(family, NowFamily):
            # Where no row is, nothing has ever been told: that is not the same as none.
            return f"if(count() = 0, NULL, {family.measures[name].sql(TABLE)})"
        function = "sumMap" if family.measures[name].kind == "histogram" else "sum"
        return f"{function}({TABLE}.{name})"


def select(
    catalogue: Catalogue, formula: Formula, group: Collection[str] = ()
) -> tuple[Selection, ...]:
    """Return the smallest declared selections that can break a formula down, one per family.

    Raises:
        NotKeptError: a family has none.
    """
    selections = []
    for name in formula.families:
        family = catalogue.families[name]
        kept = _kept(family, formula.of(name), alone=len(formula.families) == 1)
        fitting = [n for n, dimensions in kept.items() if set(group) <= set(dimensions)]
        if not fitting:
            offered = breakdowns(catalogue, formula)
            known = "; or by ".join(", ".join(dimensions) for dimensions in offered) or "nothing"
            msg = f"is not kept by {', '.join(group)}; it can be grouped by {known}"
            raise NotKeptError(msg)
        selections.append(Selection(name, family, min(fitting, key=lambda n: len(kept[n]))))
    return tuple(selections)


def breakdowns(catalogue: Catalogue, formula: Formula) -> list[tuple[str, ...]]:
    """Return the dimensions that a formula can be grouped by, those that go together as one.

    Several families are broken down by what each of them keeps.
    """
    common: list[tuple[str, ...]] | None = None
    for name in formula.families:
        alone = len(formula.families) == 1
        kept = [*_kept(catalogue.families[name], formula.of(name), alone=alone).values()]
        if common is None:
            common = kept
            continue
        both = dict.fromkeys(tuple(d for d in one if d in two) for one in common for two in kept)
        common = [s for s in both if not any({*s} < {*other} for other in both)]
    return [dimensions for dimensions in common or () if dimensions]


def _kept(family: Family, measures: Collection[str], *, alone: bool) -> dict[str, tuple[str, ...]]:
    """Return the dimension sets that keep all of a family's measures, by name.

    A whole is broken down beside its parts only, not `alone`.
    """
    if isinstance(family, FactFamily) and alone:
        return {"": tuple(name for name in family.dimensions if name not in family.whole)}
    if not isinstance(family, BaseFamily):
        return {"": family.dimensions}
    return {name: s for name, s in family.sets.items() if {*measures} <= {*family.kept(name)}}


def joined(parts: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return what follows FROM: queries of totals, each with the keys that it is by, as one.

    Where a part has nothing for a key, its measures have their type's default: 0 for counts and
    sums, no bins for histograms, NULL for what may be without a value. A part that lacks some of
    the keys stands beside each value of those.
    """
    # By most keys first: every row must be there before a whole is put beside it.
    (first, _), *others = sorted(parts, key=lambda part: -len(part[1]))
    source = f"(\n{first}\n)"
    for part, keys in others:
        if keys:
            both = f"{source} AS a\nFULL OUTER JOIN (\n{part}\n) AS b USING ({', '.join(keys)})"
        else:
            both = f"{source} AS a\nCROSS JOIN (\n{part}\n) AS b"
        source = f"(SELECT * FROM {both})"
    return source
