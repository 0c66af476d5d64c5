"""Changes of entries flow in, what a customer's contacts and complaints count as flows out.

The state is cold: one row per customer, looked up when something of his changes. It keeps all his
entries, so whatever comes late, is corrected or withdrawn changes what its neighbours count as, in
the minutes in which they were.

**Bound.** A history holds `MAX_ENTRIES`. One that has more is that of a machine: a third of it is
forgotten, oldest first, and of the rest the older half only tells what came before. What was
counted of those stays as it was; what is told of so old a thing later counts nowhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from pipeline.contribution import Add, Cell, change
from pipeline.entries import ContactEntry, Entry, EscalationEntry, HistoryKey, TicketEntry
from pipeline.operators.histories.contacts import contact_cells
from pipeline.operators.histories.tickets import ticket_cells
from pipeline.operators.histories.told import Place, Rules, Told

MAX_ENTRIES = 300
"""Entries that one history holds, some 250 bytes each."""


class HistoryChange(NamedTuple):
    """What a contact, ticket or escalation says now; None if there is nothing to say of it."""

    revision: int
    key: HistoryKey
    family: str
    id: str
    entry: Entry | None


class _State(NamedTuple):
    contacts: list[ContactEntry]
    tickets: list[TicketEntry]
    escalations: list[EscalationEntry]
    since: int


_DECODER = msgspec.json.Decoder(_State)
_EMPTY = msgspec.json.encode(_State([], [], [], -(2**62))).decode()


class History:
    """The entries of one customer.

    Args:
        rules: finds a version of the site's rules.
    """

    __slots__ = ("_cells", "_entries", "_rules", "_since", "guard", "key", "revision", "shard")

    def __init__(
        self, key: HistoryKey, shard: int, rules: Rules, *, revision: int = 0, state: str = _EMPTY
    ) -> None:
        self.key = key
        self.shard = shard
        self.revision = revision
        self.guard = revision
        self._rules = rules
        contacts, tickets, escalations, self._since = _DECODER.decode(state)
        self._entries: dict[tuple[str, str], Entry] = {}
        for family, entries in (
            ("contact", contacts),
            ("ticket", tickets),
            ("escalation", escalations),
        ):
            for entry in entries:
                self._entries[family, entry.id] = entry
        self._cells: dict[Place, list[Cell]] | None = None
        """What it counts as; found when it first changes: until then, after a crash, rules that it
        goes by may still have to be read again."""

    @property
    def size(self) -> int:
        """How many entries it has."""
        return len(self._entries)

    @property
    def last_at(self) -> int:
        """When its last entry was, epoch ms; 0 if it has none."""
        return max((entry.at for entry in self._entries.values()), default=0)

    def apply(self, change_: HistoryChange) -> list[Add]:
        """Take a change in; what was read back with it already is left alone."""
        revision, _, family, id_, entry = change_
        if revision <= self.guard:
            return []
        if self._cells is None:
            self._cells = self._counted()
        place, since = (family, id_), self._since
        known = self._entries.get(place)
        if known is not None and known.at < since:
            return []
        if entry is not None and entry.at >= since:
            self._entries[place] = entry
        elif known is not None:
            del self._entries[place]
        else:
            return []
        self.revision = revision
        before = self._cells
        if len(self._entries) > MAX_ENTRIES:
            self._shorten()
            before = {at: cells for at, cells in before.items() if self._may_change(at)}
        after = self._cells = self._counted()
        adds: list[Add] = []
        for at in {**before, **after}:
            adds.extend(change(before.get(at, []), after.get(at, []), revision))
        return adds

    def snapshot(self) -> str:
        """The state as JSON."""
        by_family: dict[str, list[Entry]] = {"contact": [], "ticket": [], "escalation": []}
        for (family, _), entry in sorted(self._entries.items()):
            by_family[family].append(entry)
        return msgspec.json.encode([*by_family.values(), self._since]).decode()

    def _counted(self) -> dict[Place, list[Cell]]:
        """What each entry counts as, but for those that are too old to change."""
        by_family: dict[str, list[Any]] = {"contact": [], "ticket": [], "escalation": []}
        for (family, _), entry in self._entries.items():
            by_family[family].append(entry)
        told = Told(*by_family.values())
        cells: dict[Place, list[Cell]] = {}
        for at, cell in (
            *contact_cells(self.key.site, told, self._rules),
            *ticket_cells(self.key.site, told, self._rules),
        ):
            if self._may_change(at):
                cells.setdefault(at, []).append(cell)
        return cells

    def _may_change(self, place: Place) -> bool:
        entry = self._entries.get(place)
        return entry is not None and entry.at >= self._since

    def _shorten(self) -> None:
        """Forget the oldest third, and let the next third only tell what came before."""
        in_order = sorted(self._entries, key=lambda place: (self._entries[place].at, place))
        third = len(in_order) // 3
        self._since = self._entries[in_order[2 * third]].at
        for place in in_order[:third]:
            del self._entries[place]
