"""A ticket's fact and the site's standards flow in; in what it keeps to them flows out.

A standard that the site does not set judges nothing: None, not "kept" and not "broken".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.operators.tickets.fact import TicketFact
from schemas.standards import Standards

LOOPS = frozenset({"returned", "reopened"})
"""Steps back, which are looked at whether a path names them or not."""


class Walk(NamedTuple):
    """How a ticket's way departs from an allowed one."""

    skipped: tuple[str, ...]
    """Stages that it should have come to and did not, or only later."""
    looped: tuple[str, ...]
    """Stages that it came to once more, or after one that should follow them."""


def walk(path: Sequence[str], way: Sequence[str]) -> Walk:
    """Follow a ticket's way along an allowed path; each stage leads on, or is a loop.

    >>> path = ("registered", "dispatched", "accepted", "resolved", "closed")
    >>> walk(path, ("registered", "dispatched", "returned", "dispatched", "resolved", "closed"))
    Walk(skipped=('accepted',), looped=('returned', 'dispatched'))
    """
    skipped: list[str] = []
    looped: list[str] = []
    reached = 0
    for stage in way:
        if stage in path[reached:]:
            at = path.index(stage, reached)
            skipped += path[reached:at]
            reached = at + 1
        else:
            looped.append(stage)
    return Walk((*skipped, *path[reached:]), tuple(looped))


def walked(fact: TicketFact, standards: Standards) -> Walk | None:
    """How a closed ticket departs from the allowed path that it comes nearest to.

    Of two that are as near, it is the one on which it rather skipped a stage than looped.
    """
    if not fact.closed_at or not standards.paths:
        return None
    looked_at = LOOPS.union(*standards.paths)
    way = [stage for stage in fact.way[: fact.closed_after] if stage in looked_at]
    return min(
        (walk(path, way) for path in standards.paths),
        key=lambda one: (len(one.skipped) + len(one.looped), len(one.looped)),
    )


def compensation(fact: TicketFact, standards: Standards) -> int | None:
    """What is paid, in hundredths of the site's currency; None where nothing, or in another."""
    currency = fact.attributes.get("currency", standards.currency)
    return fact.compensation or None if currency == standards.currency else None


def over_authority(fact: TicketFact, standards: Standards) -> bool | None:
    """Whether more is paid than the handler's level may give without asking."""
    paid = compensation(fact, standards)
    limit = standards.authority.get(fact.attributes.get("handler_level", ""))
    return None if paid is None or limit is None else paid > round(limit * 100)


def standard_outcome(fact: TicketFact, standards: Standards) -> bool | None:
    """Whether the outcome is one of those that the ticket's category may have."""
    outcome = fact.attributes.get("outcome")
    if outcome is None:
        return None
    for name in reversed(fact.category):
        if name in standards.outcomes:
            return outcome in standards.outcomes[name]
    return None


def is_serious(fact: TicketFact, standards: Standards) -> bool:
    """Whether it is a serious complaint, as far as is known now."""
    return not fact.merged and fact.attributes.get("severity") in standards.serious


def is_error(fact: TicketFact, standards: Standards) -> bool:
    """Whether an error of the centre's own service caused the complaint, as far as is known now."""
    causes = {fact.attributes.get("root_cause"), fact.attributes.get("cause_party")}
    return not fact.merged and not causes.isdisjoint(standards.service_errors)
