"""Call events flow in, contacts flow out: what happened to each caller, and what that counts as.

`state` declares the family of entities, `summary` reads a contact's steps in event time, `cells`
says what the result counts as, `row` how it is written down.
"""

from __future__ import annotations

from pipeline.operators.contacts.cells import cells_of
from pipeline.operators.contacts.legs import Leg
from pipeline.operators.contacts.state import Contact, is_contact_event
from pipeline.operators.contacts.summary import Fact

__all__ = [
    "Contact",
    "Fact",
    "Leg",
    "cells_of",
    "is_contact_event",
]
