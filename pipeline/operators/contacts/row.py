"""A contact flows in, its row in the table `contacts` flows out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.operators.contacts.state import Contact


def row_of(contact: Contact) -> tuple[Any, ...]:
    """The contact as it stands, in the order of the table's columns."""
    fact = contact.fact
    attributes = fact.attributes.get
    leg = fact.overall
    answered = [leg for leg in fact.legs if leg.exit == "answered"]
    completed = max((leg.completed_at for leg in fact.legs), default=0)
    ended = max((leg.ended_at for leg in fact.legs), default=0)
    held = [leg.hold_ms for leg in fact.legs if leg.ended_at]
    acw = [leg.acw_ms for leg in fact.legs if leg.acw_ms is not None]
    limits = contact.rules.limits(leg.queue if leg else "")
    wait = fact.wait_ms
    left = leg is not None and bool(leg.exit)
    return (
        contact.site,
        contact.id,
        contact.shard,
        contact.revision,
        attributes("root_contact_id", contact.id),
        contact.subject,
        contact.caller[0].caller if contact.caller else "",
        attributes("customer_id", ""),
        attributes("channel", ""),
        attributes("direction", ""),
        attributes("call_type", ""),
        leg.queue if leg else "",
        attributes("skill", ""),
        attributes("priority", ""),
        attributes("region", ""),
        attributes("product", ""),
        list(fact.topics),
        leg.team if leg else "",
        leg.agent_id if leg else "",
        fact.outcome,
        fact.phase,
        leg.ended_by if leg else "",
        fact.failed_reason,
        fact.started_at,
        fact.legs[0].queued_at if fact.legs else None,
        leg.exit_at if leg is not None and leg.exit else None,
        answered[0].exit_at if answered else None,
        ended or None,
        completed or None,
        fact.ivr_ms,
        wait,
        fact.talk_ms,
        sum(held) if held else None,
        sum(acw) if acw else None,
        sum(leg.holds for leg in fact.legs),
        sum(leg.transfers for leg in fact.legs),
        sum(leg.exit != "failed" for leg in fact.legs),
        int(left and wait is not None and wait <= limits.threshold_ms),
        int(leg is not None and leg.exit == "abandoned" and (wait or 0) <= limits.short_abandon_ms),
        int(contact.open),
        fact.events,
        contact.domain,
        contact.snapshot(),
    )
