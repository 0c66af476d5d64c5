"""Contributions flow in, cumulative base rows flow out: one shard's sums by minute and dimensions.

A row is written again and again as it grows; the store keeps the one with the highest revision.

**Read-back guard.** A row that is not in memory is read back before it is added to, and carries the
revision it was written with: every contribution up to that revision is in it already. After a crash
between writing rows and writing the checkpoint, the same records come again; without the guard they
would count twice. What the guard skips still marks the row as changed, so it is written again.

**Publication.** Stage 2 never sees rows as a flush happens to find them. A row goes there as it
stands at the record that moves its domain's watermark past the end of its minute, stamped with that
end; a later revision is stamped with the next end. So no flush boundary can change an alert.

After a crash such a row must therefore be had as it stood at the checkpoint, while the store may be
ahead of it. So the checkpoint holds those that are touched often, and each other one is put there
as it stood, before a flush overwrites it. One that the store alone has, with a revision beyond the
checkpoint, did not exist then: it begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pipeline.contribution import Add, Cell, Measure, Place
from pipeline.timeline import MINUTE_MS, minute_of

HORIZON_MS = 3 * 3_600_000
"""How far behind its watermark a published row stays in memory and in the checkpoint."""
MAX_ROWS = 4_000
"""Rows that one shard keeps in memory beyond those it must, some 1,600 bytes each; the oldest are
read back if needed."""
MAX_PLACES = 16_000
"""Dimension combinations whose rows a shard finds without building their keys."""


class RowKey(NamedTuple):
    """A base row: a minute (epoch ms) of a dimension set's values in one family at one site."""

    family: str
    site: str
    dims: str
    minute: int
    values: tuple[str, ...]


class Row:
    """A cumulative row; `guard` is the revision it was read back with, 0 if it began here."""

    __slots__ = (
        "awaited_in",
        "dirty",
        "exposed",
        "guard",
        "key",
        "measures",
        "published",
        "revision",
    )

    def __init__(
        self, key: RowKey, measures: dict[Measure, int], *, revision: int, guard: int
    ) -> None:
        self.key = key
        self.measures = measures
        self.revision = revision
        self.guard = guard
        self.published = False
        """That stage 2 wants it."""
        self.awaited_in = ""
        """The domain that last asked to have it published and still waits."""
        self.exposed = False
        """That only the store has it as of the checkpoint, where the next flush overwrites it."""
        self.dirty = False


class Partial(NamedTuple):
    """A shard's row as stage 2 gets it: how it stood when the domain's watermark passed `stamp`.

    `rules` is the version of the site's rules that were in force on the shard then.
    """

    shard: int
    domain: str
    stamp: int
    key: RowKey
    revision: int
    measures: dict[Measure, int]
    rules: str


class DimensionSets:
    """Which columns each declared set of each family keeps; others are "" in its rows."""

    def __init__(self, families: Mapping[str, Mapping[str, tuple[int, ...]]]) -> None:
        """Take, per family and set, the indexes of its columns among the family's dimensions."""
        self._families = families

    def keys(self, place: Place, minute: int) -> Iterator[RowKey]:
        """The rows in which a cell at this place counts."""
        family = self._families[place.family]
        for name in place.sets:
            values = tuple([place.values[index] for index in family[name]])
            yield RowKey(place.family, place.site, name, minute, values)


class RowBook:
    """The base rows of one shard that memory holds, and what is to be written or published.

    Args:
        shard: whose rows these are.
        sets: the declared dimension sets.
        published: the (family, set) pairs that stage 2 wants.
    """

    def __init__(self, shard: int, sets: DimensionSets, published: frozenset[tuple[str, str]]):
        self.shard = shard
        self.rows: dict[RowKey, Row] = {}
        self.dirty: list[Row] = []
        self.pending: dict[str, dict[RowKey, int]] = {}
        """Per domain: the rows to publish, each with its stamp."""
        self.hot: dict[str, set[RowKey]] = {}
        """Per domain: published rows that it touched within the horizon of its watermark."""
        self.kept: set[RowKey] = set()
        """Rows that the checkpoint holds."""
        self.before: list[tuple[RowKey, int, dict[Measure, int]]] = []
        """Exposed rows that changed: revision and measures as of the checkpoint."""
        self._sets = sets
        self._published = published
        self._places: dict[tuple[Place, int], tuple[Row, ...]] = {}
        """The rows of a cell's place, found once; forgotten whenever a row may have gone."""

    def find(self, cell: Cell) -> tuple[Row, ...]:
        """The rows that a cell counts in.

        Raises:
            KeyError: memory does not hold one of them; see `missing`.
        """
        at = (cell.place, cell.minute)
        found = self._places.get(at)
        if found is None:
            rows = self.rows
            found = self._places[at] = tuple([rows[key] for key in self._sets.keys(*at)])
        return found

    def missing(self, cells: Iterable[Cell]) -> set[RowKey]:
        """The rows that these cells count in and that memory does not hold."""
        rows, places = self.rows, self._places
        wanted = {(cell.place, cell.minute) for cell in cells}
        return {
            key
            for at in wanted
            if at not in places
            for key in self._sets.keys(*at)
            if key not in rows
        }

    def load(self, key: RowKey, measures: dict[Measure, int], revision: int, covered: int) -> None:
        """Take up a row as the store has it (revision 0 and nothing in it if it has none).

        `covered` is the revision of the checkpoint.
        """
        row = Row(key, measures, revision=revision, guard=revision)
        self._put(row)
        if row.published and revision > covered:
            row.measures, row.revision, row.guard = {}, 0, 0
        row.exposed = row.published and row.revision > 0

    def restore(self, key: RowKey, measures: dict[Measure, int], revision: int) -> None:
        """Take up a row from the checkpoint: exactly as of the checkpoint, so without a guard."""
        self._put(Row(key, measures, revision=revision, guard=0))
        self.kept.add(key)

    def _put(self, row: Row) -> None:
        row.published = (row.key.family, row.key.dims) in self._published
        self.rows[row.key] = row

    def add(self, add: Add, rows: Iterable[Row], domain: str, watermark: int) -> None:
        """Fold one contribution into the rows that `find` gave for its cell."""
        revision, sign, (_, _, _, amounts) = add
        for row in rows:
            if row.exposed:
                self._secure(row)
            if revision > row.guard:
                row.revision = revision
                measures = row.measures
                for measure, value in amounts:
                    total = measures.get(measure, 0) + sign * value
                    if total:
                        measures[measure] = total
                    else:
                        measures.pop(measure, None)
            if not row.dirty:
                row.dirty = True
                self.dirty.append(row)
            if row.published and row.awaited_in != domain:
                self._await(row, domain, watermark)

    def _secure(self, row: Row) -> None:
        """Have the row put into the checkpoint as it stands, before it changes."""
        row.exposed = False
        self.before.append((row.key, row.revision, dict(row.measures)))
        self.kept.add(row.key)

    def _await(self, row: Row, domain: str, watermark: int) -> None:
        """Have the row published when the domain's watermark passes its next end."""
        row.awaited_in = domain
        stamps = self.pending.setdefault(domain, {})
        if row.key not in stamps:
            stamps[row.key] = max(row.key.minute, minute_of(watermark)) + MINUTE_MS
            self.hot.setdefault(domain, set()).add(row.key)

    def publish(self, domain: str, watermark: int, rules: Mapping[str, str]) -> list[Partial]:
        """The rows whose stamp the domain's watermark has now passed, in the order of their keys.

        `rules` names the version of the rules in force, by site.
        """
        stamps = self.pending.get(domain)
        if not stamps:
            return []
        due = sorted((stamp, key) for key, stamp in stamps.items() if stamp <= watermark)
        partials = []
        for stamp, key in due:
            row = self.rows[key]
            row.awaited_in = ""
            version = rules.get(key.site, "")
            partials.append(
                Partial(self.shard, domain, stamp, key, row.revision, dict(row.measures), version)
            )
            del stamps[key]
        if not stamps:
            del self.pending[domain]
        return partials

    def cool(self, watermarks: Mapping[str, int]) -> set[RowKey]:
        """The rows that the checkpoint is to hold: those that stage 2 may well be given again."""
        hot: set[RowKey] = {key for stamps in self.pending.values() for key in stamps}
        for domain in list(self.hot):
            watermark = watermarks.get(domain)
            if watermark is None:
                del self.hot[domain]
                continue
            near = {key for key in self.hot[domain] if key.minute > watermark - HORIZON_MS}
            self.hot[domain] = near
            hot |= near
        return hot

    def settled(self) -> None:
        """All rows are in the store: nothing is dirty, and memory may shrink.

        Clean rows beyond the bound go, oldest in memory first; those the checkpoint holds stay.
        """
        for row in self.dirty:
            row.dirty = False
            row.exposed = row.published and row.key not in self.kept
        self.dirty.clear()
        self.before.clear()
        excess = len(self.rows) - MAX_ROWS
        if excess > 0:
            for key in list(self.rows):
                if excess <= 0:
                    break
                if key not in self.kept:
                    del self.rows[key]
                    excess -= 1
            self._places.clear()
        elif len(self._places) > MAX_PLACES:
            self._places.clear()
