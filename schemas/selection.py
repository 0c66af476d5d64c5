"""Formulas and a breakdown in; table, filters and values of the one query that answers them, out.

The report and the boards build their queries from these parts, so a metric has one SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from schemas.catalogue import Catalogue, Formula
from schemas.formula import denominator, to_sql
from schemas.measures import BaseFamily, FactFamily, Family, NowFamily, literal

TABLE = "t"
"""The table's alias. Columns are qualified by it: an alias must never capture one."""


class NotKeptError(ValueError):
    """No declared dimension set breaks a metric down as asked; the message lists what there is."""


@dataclass(frozen=True)
class Selection:
    """The rows of one family from which formulas are computed: a table and a dimension set.

    Fact tables and gauges have no sets: any of their dimensions will do, and the set is "".
    """

    family: Family
    dimension_set: str = ""

    @property
    def source(self) -> str:
        """Return what follows FROM: shards and revisions are merged by FINAL."""
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
        if isinstance(self.family, NowFamily) and dimension in self.family.lists:
            return f"arrayJoin({TABLE}.{self.family.lists[dimension]})"
        return f"{TABLE}.{dimension}"

    def where(self, site: str) -> list[str]:
        """Return the conditions on a row; `site` is SQL."""
        match self.family:
            case BaseFamily():
                kept = [f"{TABLE}.dims = {literal(self.dimension_set)}"]
            case FactFamily():
                # Without events there is nothing: they all tell of another contact now.
                kept = [f"{self.time} IS NOT NULL", f"{TABLE}.events > 0"]
            case NowFamily():
                kept = self.family.conditions(TABLE)
        return [f"{TABLE}.site = {site}", *kept]

    def value(self, formula: Formula) -> str:
        """Return a formula's value over a group's rows."""
        return to_sql(formula.tree, self._total)

    def sample(self, formula: Formula) -> str | None:
        """Return what a ratio is taken of, over a group's rows; None if it is no ratio."""
        below = denominator(formula.tree)
        return None if below is None else to_sql(below, self._total)

    def happened(self, formulas: Sequence[Formula]) -> str:
        """Return "anything was counted": withdrawn rows remain, as zeros."""
        family = self.family
        if not isinstance(family, BaseFamily):
            return "count() > 0"
        used = {*frozenset().union(*(f.measures for f in formulas)), *family.presence}
        return " OR ".join(
            f"arraySum(mapValues({self._total(name)})) != 0"
            if family.measures[name].kind == "histogram"
            else f"{self._total(name)} != 0"
            for name in family.kept(self.dimension_set)
            if name in used
        )

    def _total(self, name: str) -> str:
        """Return a measure's total over a group's rows."""
        family = self.family
        if isinstance(family, FactFamily):
            return family.measures[name].sql(TABLE)
        if isinstance(family, NowFamily):
            # Where no row is, nothing has ever been told: that is not the same as none.
            return f"if(count() = 0, NULL, {family.measures[name].sql(TABLE)})"
        function = "sumMap" if family.measures[name].kind == "histogram" else "sum"
        return f"{function}({TABLE}.{name})"


def select(catalogue: Catalogue, formula: Formula, group: Collection[str] = ()) -> Selection:
    """Return the smallest declared selection that can break a formula down by `group`.

    Raises:
        NotKeptError: there is none.
    """
    family = catalogue.families[formula.family]
    wanted = set(group)
    if not isinstance(family, BaseFamily):
        if wanted <= set(family.dimensions):
            return Selection(family)
        kept = f"any of {', '.join(family.dimensions)}"
    else:
        sets = {n: s for n, s in family.sets.items() if formula.measures <= {*family.kept(n)}}
        fitting = [name for name, dimensions in sets.items() if wanted <= set(dimensions)]
        if fitting:
            return Selection(family, min(fitting, key=lambda name: len(family.sets[name])))
        kept = "; or by ".join(", ".join(s) for s in sets.values() if s) or "nothing"
    msg = f"is not kept by {', '.join(group)}; it can be grouped by {kept}"
    raise NotKeptError(msg)
