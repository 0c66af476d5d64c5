"""The entries of one customer, by what they tell of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pipeline.entries import ContactEntry, EscalationEntry, TicketEntry
from pipeline.site_rules import SiteRules

Place = tuple[str, str]
"""One entry: its family and id."""

Rules = Callable[[str], SiteRules]
"""Finds a version of the site's rules."""


class Told(NamedTuple):
    """What is told of one customer, in no order."""

    contacts: list[ContactEntry]
    tickets: list[TicketEntry]
    escalations: list[EscalationEntry]
