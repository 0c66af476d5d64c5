"""A ticket's stage and a word from the desk flow in; whether that can be, and the next, flow out.

The six stages that a complaint goes through (received, registered, dispatched, accepted, followed
up, archived) with the ways back (returned, reopened) and aside (merged). A word that cannot be true
in a stage is counted as an illegal transition and changes no stage; but what says that a ticket is
over is believed, for nobody is going to work on it.
"""

from __future__ import annotations

OPEN = frozenset({"received", "registered", "dispatched", "accepted", "returned", "reopened"})
"""Stages in which somebody still has to do something."""
DONE = frozenset({"resolved", "closed"})
ENDS = frozenset({"resolved", "closed", "archived", "merged"})

_HELD = OPEN - {"received"}
_LEGAL: dict[str, frozenset[str]] = {
    "received": frozenset(),
    "registered": frozenset({"received"}),
    "dispatched": OPEN,
    "accepted": OPEN,
    "returned": _HELD - {"returned"},
    "resolved": OPEN,
    "reopened": frozenset({"resolved", "closed", "archived"}),
    "closed": OPEN | {"resolved"},
    "archived": DONE,
    "merged": OPEN | DONE,
}
"""From which stages each is reached; any of them may be the first that is seen of a ticket."""
_BELIEVED = frozenset({"archived"})
_SPOKEN_OF: dict[str, frozenset[str]] = {
    "updated": OPEN | DONE,
    "replied": OPEN | DONE,
    "followed_up": DONE | {"archived"},
}
"""What may be said of a ticket, by stage, without moving it."""


def move(stage: str, word: str) -> tuple[str, bool]:
    """The stage that follows, and whether that was a legal transition.

    Args:
        stage: where the ticket stands; "" if nothing was heard of it yet.
        word: the event's type without its family: `resolved` of `ticket.resolved`.

    >>> move("registered", "dispatched"), move("registered", "reopened")
    (('dispatched', True), ('registered', False))
    >>> move("", "updated"), move("accepted", "archived")
    (('registered', True), ('archived', False))
    """
    if word in _SPOKEN_OF:
        return (stage, stage in _SPOKEN_OF[word]) if stage else ("registered", True)
    legal = not stage or stage in _LEGAL[word]
    believed = legal or (word in _BELIEVED and stage in OPEN)
    return (word if believed else stage), legal
