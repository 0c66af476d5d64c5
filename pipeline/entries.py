"""What a contact, a ticket or an escalation says to its customer's history.

An **entry** is the little that others must know of one thing: when it was, whether it is known
whose it is, what it is about, and where it counts. The history of a customer (one subject of a
site) is made of entries alone; see `pipeline.operators.histories`.

Instants are epoch ms (0: never). `rules` is the version of the site's rules that it began under:
its windows are those. `values` are in the order of the dimension columns of its base family.
"""

from __future__ import annotations

from typing import NamedTuple


class HistoryKey(NamedTuple):
    """One customer of a site."""

    site: str
    subject: str


class ContactEntry(NamedTuple):
    """The customer got in touch, by call or chat."""

    id: str
    at: int
    until: int
    """When it was over, as far as is known."""
    root: str
    """The first contact of a chain of transfers; its own id where it is alone."""
    known: bool
    complaint: bool
    helped: bool
    """That a person answered."""
    issues: tuple[str, ...]
    values: tuple[str, ...]
    rules: str


class TicketEntry(NamedTuple):
    """A complaint was written down; a merged one is another's duplicate."""

    id: str
    at: int
    contact: str
    """The contact that it came from; "" for one that came in writing."""
    known: bool
    merged: bool
    issues: tuple[str, ...]
    passed_on_at: int
    """When the front line first handed it on."""
    finished_at: int
    reopened_at: int
    auto_at: int
    """When a machine answered it, if it was the first to do so."""
    replied_at: int
    """When a person first answered."""
    threat_at: int
    """When it was flagged for a threat to escalate."""
    values: tuple[str, ...]
    rules: str


class EscalationEntry(NamedTuple):
    """A body outside the enterprise received a complaint."""

    id: str
    at: int
    known: bool
    values: tuple[str, ...]
    rules: str


Entry = ContactEntry | TicketEntry | EscalationEntry


def names_customer(subject: str) -> bool:
    """Whether a subject is a person, not a single thing of which nobody knows whose it is."""
    return subject.startswith(("customer:", "phone:", "account:"))
