"""What customers do flows in, what follows what flows out: the counts, made independently.

Everything is kept until the end and looked at once, pair by pair, as the definitions have it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_DAY_MS: Final = 86_400_000
_SAME_MS: Final = 15 * 60_000
_CONTACT_DAYS: Final = 7
_COMPLAINT_DAYS: Final = 30


@dataclass(slots=True)
class _Deed:
    """A contact or a complaint; instants in epoch ms."""

    at: int
    name: str
    customer: int
    until: int
    topics: set[str] = field(default_factory=set)
    duplicate: bool = False


class Follows:
    """Who got in touch, and who complained, with the matters that were told.

    Withheld numbers are nobody's. The windows are the usual ones.
    """

    def __init__(self) -> None:
        self._contacts: dict[str, _Deed] = {}
        self._complaints: dict[str, _Deed] = {}

    def began(self, at: int, contact: str, customer: int | None) -> None:
        """A customer called, or wrote in a chat."""
        if customer is not None:
            self._contacts[contact] = _Deed(at, contact, customer, at)

    def here(self, at: int, contact: str, topic: str = "") -> None:
        """The contact was still with the centre; perhaps it told what it was about."""
        if (known := self._contacts.get(contact)) is not None:
            known.until = max(known.until, at)
            known.topics |= {topic} - {""}

    def complained(self, at: int, ticket: str, customer: int | None, *, written: bool) -> None:
        """A complaint arrived; in writing it is a contact of its own."""
        if customer is not None:
            self._complaints[ticket] = _Deed(at, ticket, customer, at)
            if written:
                self._contacts[f"ticket {ticket}"] = _Deed(at, ticket, customer, at)

    def registered(self, ticket: str, topic: str) -> None:
        """Somebody wrote down what a complaint is about."""
        for known in (self._complaints.get(ticket), self._contacts.get(f"ticket {ticket}")):
            if known is not None:
                known.topics = {topic}

    def merged(self, ticket: str) -> None:
        """The ticket is another's duplicate."""
        if (known := self._complaints.get(ticket)) is not None:
            known.duplicate = True
        self._contacts.pop(f"ticket {ticket}", None)

    def document(self) -> dict[str, int]:
        """Return how often what followed what."""
        counts = Counter[str]()
        for contacts in _by_customer(self._contacts).values():
            whole = _whole(contacts)
            counts["traced"] += len(whole)
            for contact in whole:
                after = [w for w in whole if 0 < w.at - contact.at <= _CONTACT_DAYS * _DAY_MS]
                before = [w for w in whole if 0 < contact.at - w.at <= _CONTACT_DAYS * _DAY_MS]
                counts["contacted_again"] += bool(after)
                counts["traced_issue"] += bool(contact.topics)
                counts["followed_same"] += any(contact.topics & other.topics for other in after)
                counts["repeats"] += any(contact.topics & other.topics for other in before)
        for complaints in _by_customer(self._complaints).values():
            standing = [one for one in complaints if not one.duplicate]
            counts["complaints_traced"] += len(standing)
            nth: list[int] = []
            for number, one in enumerate(standing):
                same = [k for k in range(number) if standing[k].topics & one.topics]
                soon = [k for k in same if one.at - standing[k].at <= _COMPLAINT_DAYS * _DAY_MS]
                nth.append(1 + len(soon))
                counts["complaints_issue"] += bool(one.topics)
                counts["repeat_complaints"] += bool(soon)
                counts["third_complaints"] += nth[-1] >= 3 and nth[same[-1]] < 3
        return dict(sorted(counts.items()))


def _by_customer(deeds: dict[str, _Deed]) -> dict[int, list[_Deed]]:
    """Each customer's, in order of time."""
    found: dict[int, list[_Deed]] = {}
    for deed in sorted(deeds.values(), key=lambda deed: (deed.at, deed.name)):
        found.setdefault(deed.customer, []).append(deed)
    return found


def _whole(contacts: list[_Deed]) -> list[_Deed]:
    """Contacts that follow each other within minutes, as one."""
    whole: list[_Deed] = []
    for contact in contacts:
        if whole and contact.at - whole[-1].until < _SAME_MS:
            whole[-1].until = max(whole[-1].until, contact.until)
            whole[-1].topics |= contact.topics
        else:
            whole.append(_Deed(contact.at, contact.name, 0, contact.until, set(contact.topics)))
    return whole
