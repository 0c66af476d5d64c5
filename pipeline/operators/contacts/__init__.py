"""Call events flow in, contacts flow out: what happened to each caller, and what that counts as.

A contact is a function of the *set* of its events: `state` keeps them, `summary` reads them in
event time, `cells` says what the result counts as. Whatever order they come in, however often, and
whatever is corrected later, the same set of events gives the same contact.
"""

from __future__ import annotations

from pipeline.operators.contacts.cells import cells_of
from pipeline.operators.contacts.legs import Leg, Step
from pipeline.operators.contacts.state import MAX_STEPS, Contact, is_contact_event
from pipeline.operators.contacts.summary import Fact, summarise

__all__ = [
    "MAX_STEPS",
    "Contact",
    "Fact",
    "Leg",
    "Step",
    "cells_of",
    "is_contact_event",
    "summarise",
]
