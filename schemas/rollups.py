"""The catalogue's base families in, what keeps their rows by the hour out: a table and a view each.

A year of minutes is too much to read for a page of days, so finished hours are added up, over all
shards, into `<family>_hours`. An hour whose rows have changed since is **pending**: `hours_touched`
says when it was written to last and up to when it is added up. The view `<family>_by_hour` is what
readers use: added-up hours where they stand, and the minutes themselves where one is pending. So
what it gives is always the minutes' own sums, whenever and however often hours are added up.

Nothing here is written by hand: what a family measures is said in metrics.yaml, and a table whose
definition has changed is made anew, for all of it can be computed again from the minutes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from schemas.rows import HOURS_TOUCHED, RowFamily, row_families

PENDING = "hours_pending"
"""The view of the hours that were written to after they were added up, or never were."""


def hours_view(family: str) -> str:
    """Return the view by which a base family is read by the hour."""
    return f"{family}_by_hour"


@dataclass(frozen=True)
class Rollup:
    """A base family by the hour."""

    family: RowFamily

    @property
    def table(self) -> str:
        """Return the table of added-up hours."""
        return f"{self.family.name}_hours"

    @property
    def view(self) -> str:
        """Return the view that readers use; it has the columns of the minutes but the shard."""
        return hours_view(self.family.name)

    @property
    def create(self) -> str:
        """Return the statement that makes the table; its comment tells definitions apart."""
        key = ", ".join(["site", "dims", "hour", *self.family.dimensions])
        definition = (
            f"(site LowCardinality(String), dims LowCardinality(String), hour DateTime('UTC'), "
            f"{''.join(f'{d} LowCardinality(String), ' for d in self.family.dimensions)}"
            f"{''.join(f'{m} {self._type(m)}, ' for m in self.family.measures)}"
            "stored_at DateTime64(6, 'UTC') DEFAULT now64(6)) "
            f"ENGINE = ReplacingMergeTree(stored_at) PARTITION BY toYYYYMM(hour) ORDER BY ({key})"
        )
        mark = hashlib.sha256(definition.encode()).hexdigest()[:16]
        return f"CREATE TABLE {self.table} {definition} COMMENT '{mark}'"

    @property
    def mark(self) -> str:
        """Return what the table's comment says if it was made by this definition."""
        return self.create.rpartition("COMMENT '")[2].rstrip("'")

    @property
    def create_view(self) -> str:
        """Return the statement that makes the view."""
        columns = ", ".join([*self.family.dimensions, *self.family.measures])
        pending = f"FROM {PENDING} WHERE family = '{self.family.name}'"
        return (
            f"CREATE OR REPLACE VIEW {self.view} AS\n"
            f"SELECT site, dims, hour AS minute, {columns} FROM {self.table} FINAL\n"
            f"WHERE (site, hour) NOT IN (SELECT site, hour {pending})\n"
            "UNION ALL\n"
            f"SELECT site, dims, minute, {columns} FROM {self.family.table} FINAL\n"
            f"WHERE (site, toStartOfHour(minute)) IN (SELECT site, hour {pending})\n"
            f"AND minute >= (SELECT min(hour) {pending})\n"
            f"AND minute < (SELECT max(hour) + 3600 {pending})\n"
            f"COMMENT '{self.mark}'"
        )

    @property
    def touch_all(self) -> str:
        """Return the statement that makes every hour of the minutes pending."""
        return (
            f"INSERT INTO {HOURS_TOUCHED.name} ({', '.join(HOURS_TOUCHED.columns)}) "
            f"SELECT DISTINCT site, '{self.family.name}', toStartOfHour(minute), 'touched' "
            f"FROM {self.family.table}"
        )

    @property
    def add_up(self) -> str:
        """Return the statement that adds up the hours %(hours)s, (site, epoch seconds) each."""
        measures = ", ".join(
            f"{'sumMap' if m in self.family.histograms else 'sum'}({m})"
            for m in self.family.measures
        )
        key = ", ".join(["site", "dims", "hour", *self.family.dimensions])
        columns = ", ".join(
            ["site", "dims", "hour", *self.family.dimensions, *self.family.measures]
        )
        return (
            f"INSERT INTO {self.table} ({columns}) "
            f"SELECT site, dims, toStartOfHour(minute) AS hour, "
            f"{''.join(f'{d}, ' for d in self.family.dimensions)}{measures} "
            f"FROM {self.family.table} FINAL "
            "WHERE (site, toInt64(toUnixTimestamp(toStartOfHour(minute)))) IN %(hours)s "
            "AND minute >= toDateTime(%(first)s, 'UTC') AND minute < toDateTime(%(end)s, 'UTC') "
            f"GROUP BY {key}"
        )

    def _type(self, measure: str) -> str:
        return "Map(UInt16, Int64)" if measure in self.family.histograms else "Int64"


def rollups() -> tuple[Rollup, ...]:
    """Return the rollup of every base family."""
    return tuple(Rollup(family) for family in row_families().values())
