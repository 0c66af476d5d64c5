"""A customer's entries flow in, what his contacts count as flows out: cells of `contact_chains`.

Calls, chats and written complaints alike are contacts. Those that follow each other so soon that
the second is a transfer, or a second try, are one; so are neighbours of one `root_contact_id`. What
it counts as is counted in the minute in which its first part began, for what that part is.

Two contacts are about the same issue where both tell what they are about and share an issue. Where
one tells nothing, nothing is known: neither that it repeats nor that it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.contribution import Cell, Measure, place
from pipeline.operators.histories.told import Place, Rules, Told
from pipeline.site_rules import Windows
from pipeline.timeline import minute_of

FAMILY = "contact_chains"
_SETS = ("site", "queue", "topic")
_AGENT_SETS = (*_SETS, "agent")
_NEVER = 2**62


class _Part(NamedTuple):
    """A call, a chat or a written complaint; parts stand in order of time, then by what they are.

    `values` are in the order of the family's dimensions.
    """

    at: int
    family: str
    id: str
    until: int
    root: str
    known: bool
    complaint: bool
    issues: tuple[str, ...]
    values: tuple[str, ...]
    rules: str


@dataclass(slots=True)
class _Contact:
    """What is taken as one contact."""

    head: _Part
    until: int
    root: str = ""
    known: bool = False
    complaint: bool = False
    issues: set[str] = field(default_factory=set)
    parts: set[Place] = field(default_factory=set)

    def take(self, part: _Part) -> None:
        """Make a part of it."""
        self.until = max(self.until, part.until)
        self.known |= part.known
        self.complaint |= part.complaint
        self.issues.update(part.issues)
        self.root = part.root
        self.parts.add((part.family, part.id))


def contact_cells(site: str, told: Told, rules: Rules) -> Iterator[tuple[Place, Cell]]:
    """What a customer's contacts count as, each with the entry that it counts for."""
    contacts = _contacts(told, rules)
    followed = _followed(contacts)
    last_about: dict[str, int] = {}
    for number, contact in enumerate(contacts):
        head = contact.head
        windows = rules(head.rules).windows
        measures: list[tuple[Measure, int]] = []
        if contact.known:
            measures.append(("traced", 1))
            if number + 1 < len(contacts):
                next_at = contacts[number + 1].head.at
                if next_at - head.at <= windows.next_contact_ms:
                    measures.append(("contacted_again", 1))
            if contact.issues:
                measures.append(("traced_issue", 1))
                if followed[number] - head.at <= windows.resolution_ms:
                    measures.append(("followed_same", 1))
                last = max(last_about.get(issue, -_NEVER) for issue in contact.issues)
                if head.at - last <= windows.resolution_ms:
                    measures.append(("repeats", 1))
        if contact.complaint:
            measures.append(("complaint_contacts", 1))
            if _left_front_line(contact, told, windows):
                measures.append(("complaints_passed_on", 1))
        for issue in contact.issues:
            last_about[issue] = head.at
        if measures:
            sets = _AGENT_SETS if head.values[3] else _SETS
            where = place(FAMILY, site, sets, head.values)
            yield (head.family, head.id), Cell(0, minute_of(head.at), where, tuple(measures))


def _contacts(told: Told, rules: Rules) -> list[_Contact]:
    """Put parts together that are one contact."""
    contacts: list[_Contact] = []
    for part in sorted(_parts(told)):
        last = contacts[-1] if contacts else None
        if last is None or (
            part.at - last.until >= rules(part.rules).windows.same_contact_ms
            and part.root != last.root
        ):
            last = _Contact(part, part.until)
            contacts.append(last)
        last.take(part)
    return contacts


def _parts(told: Told) -> Iterator[_Part]:
    for c in told.contacts:
        yield _Part(
            *(c.at, "contact", c.id, c.until, c.root, c.known, c.complaint),
            c.issues,
            c.values,
            c.rules,
        )
    for t in told.tickets:
        if not t.contact and not t.merged:
            channel, *_, topic, product, _, _ = t.values
            values = ("", channel, "", "", "", topic, product)
            root = f"ticket {t.id}"
            yield _Part(t.at, "ticket", t.id, t.at, root, t.known, False, t.issues, values, t.rules)


def _followed(contacts: Sequence[_Contact]) -> list[int]:
    """When the next contact about an issue of each began; never where there is none."""
    followed = [_NEVER] * len(contacts)
    next_about: dict[str, int] = {}
    for number in range(len(contacts) - 1, -1, -1):
        contact = contacts[number]
        followed[number] = min(
            (next_about[issue] for issue in contact.issues if issue in next_about), default=_NEVER
        )
        for issue in contact.issues:
            next_about[issue] = contact.head.at
    return followed


def _left_front_line(contact: _Contact, told: Told, windows: Windows) -> bool:
    """Whether a ticket came of it that the front line did not settle itself, in time."""
    until = contact.head.at + windows.front_line_ms
    return any(
        0 < ticket.passed_on_at <= until or not 0 < ticket.finished_at <= until
        for ticket in told.tickets
        if not ticket.merged
        and (("contact", ticket.contact) in contact.parts or ("ticket", ticket.id) in contact.parts)
    )
