"""Promised reply dates and replies of a ticket flow in, in order; which were kept flows out.

A promise is a new `promised_at` of an open ticket, and is kept if the customer hears something by
then: a human reply, or that the ticket is resolved. One that is renewed before its time is
replaced; one that was broken stays broken, whatever is promised after it. Instants are epoch ms.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Promise:
    """A date by which the customer is to hear something; `heard_at` is 0 while he has not."""

    due: int
    heard_at: int = 0

    @property
    def is_kept(self) -> bool:
        """Whether he heard something by then; exactly then is in time."""
        return 0 < self.heard_at <= self.due


class Promises:
    """All promises of a ticket that count, in the order in which they were made."""

    __slots__ = ("_told", "made", "pending")

    def __init__(self) -> None:
        self.made: list[Promise] = []
        self.pending: Promise | None = None
        """The last one, until the customer hears something."""
        self._told: int | None = None

    def promise(self, due: int, now: int) -> None:
        """A date is told at `now`, perhaps the one that is known."""
        if due == self._told:
            return
        self._told = due
        if self.pending and now < self.pending.due:
            self.made.pop()
        self.pending = Promise(max(due, now))
        self.made.append(self.pending)

    def hear(self, now: int) -> None:
        """The customer hears something."""
        if self.pending:
            self.pending.heard_at = now
            self.pending = None

    def end(self, now: int) -> None:
        """The ticket ends without a word to the customer, who waits for none from now on."""
        if self.pending and now <= self.pending.due:
            self.made.pop()
            self.pending = None
