"""What operators say to the base rows: a cell and the sign with which it counts.

An operator never adds to a row itself. It describes what one contact (or record) amounts to as a
few cells; when that changes, the old cells are taken back and the new ones added. So a correction,
a late event or a duplicate can only ever lead to the same sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

Measure = str | tuple[str, int]
"""A sum's name, or (a histogram's name, bin)."""


class Place:
    """Where a cell counts: the named dimension sets of a family, at a site.

    `values` holds one for every dimension of the family, "" where unknown. Places are compared by
    identity and so must come from `place`, which makes each once: they are looked up for every
    contribution, and hashing a dozen strings each time would cost more than adding up.
    """

    __slots__ = ("family", "sets", "site", "values")

    def __init__(
        self, family: str, site: str, sets: tuple[str, ...], values: tuple[str, ...]
    ) -> None:
        self.family = family
        self.site = site
        self.sets = sets
        self.values = values


@lru_cache(maxsize=50_000)
def place(family: str, site: str, sets: tuple[str, ...], values: tuple[str, ...]) -> Place:
    """The place of these names. One that was forgotten is made anew; its rows keep their keys."""
    return Place(family, site, sets, values)


class Cell(NamedTuple):
    """One contribution: these measures, in this minute (epoch ms), to these dimension sets.

    `part` tells apart the cells of one contact that would otherwise be equal (two queue entries in
    the same minute).
    """

    part: int
    minute: int
    place: Place
    measures: tuple[tuple[Measure, int], ...]

    def same(self, other: Cell) -> bool:
        """Whether it says the same, wherever its place was made."""
        here, there = self.place, other.place
        return (
            self[:2] == other[:2]
            and self.measures == other.measures
            and (
                here is there
                or (here.family, here.site, here.sets, here.values)
                == (there.family, there.site, there.sets, there.values)
            )
        )


class Add(NamedTuple):
    """A cell added (sign 1) or taken back (-1) by the record that `revision` names."""

    revision: int
    sign: int
    cell: Cell


class CallerKey(NamedTuple):
    """One caller on one local day of his site; `day` is ISO, YYYY-MM-DD."""

    site: str
    day: str
    caller: str


def change(old: Sequence[Cell], new: Sequence[Cell], revision: int) -> list[Add]:
    """What turns the old cells into the new ones; cells that stay the same cost nothing."""
    same = 0
    for before, after in zip(old, new, strict=False):
        if before is not after and not before.same(after):
            break
        same += 1
    adds = [Add(revision, -1, cell) for cell in old[same:]]
    adds.extend([Add(revision, 1, cell) for cell in new[same:]])
    return adds


GENERATION_BITS = 48


def revision_of(generation: int, offset: int) -> int:
    """The place of a record in a shard's whole history, over every log that it has lived in.

    Offset -1 is the place before a log's first record and after all of the log before it.
    """
    return (generation << GENERATION_BITS) + offset
