"""Decoded records flow in, in offset order; changed contacts and the steps to fold flow out.

For each record first time passes, then the event happens: what falls due up to the new watermark is
done in due order, each with its due time as `now`, before the event itself is looked at.
"""

from __future__ import annotations

import hashlib
from typing import cast

from pipeline.contribution import CallerKey, change
from pipeline.decode import DeadLetter, DeadLetterReason
from pipeline.exchange import ConfigRow, Found
from pipeline.operators import intake
from pipeline.operators.callers import CallerChange, local_day
from pipeline.operators.contacts import MAX_STEPS, Contact, cells_of, is_contact_event
from pipeline.operators.intake import Origin
from pipeline.site_rules import SiteRules, default_rules, read_rules
from pipeline.stage1.ledger import Ledger
from pipeline.stage1.shard import ShardState
from pipeline.stage1.steps import Step
from pipeline.timeline import END_OF_TIME, Timer, minute_of
from schemas.events import Event
from schemas.events.calls import ContactEvent
from schemas.events.control import ConfigChanged
from schemas.records import LIVE, LogRecord, RecordKind


class Applier:
    """Applies records to their shards, one batch at a time.

    Args:
        ledger: keeps what is kept of every record.
        rules: every configuration ever in force, by content hash; grows as they come in.
        allowed_lateness_ms: of the live domain.
    """

    def __init__(
        self, ledger: Ledger, rules: dict[str, SiteRules], allowed_lateness_ms: int
    ) -> None:
        self.steps: list[Step] = []
        self._ledger = ledger
        self._rules = rules
        self._lateness_ms = allowed_lateness_ms

    def event(self, state: ShardState, record: LogRecord, event: Event, found: Found) -> None:
        """Apply one event."""
        domain, occurred = record.domain, event.occurred_ms
        revision = state.revision(record.offset)
        if domain == LIVE:
            self._advance(
                state, LIVE, min(occurred, record.ingest_ms) - self._lateness_ms, revision
            )
        watermark = state.timeline.watermark(domain)
        self._ledger.keep_event(state, record, event)
        verdict: intake.Verdict = "applied"
        key = (event.site, event.event_id)
        known = state.recent.version(*key)
        if known is None:
            known = found.versions.get((state.shard, key))
        if known is not None and known >= event.version:
            verdict = "duplicate"
        elif (refusal := self._happen(state, record, event, found)) is not None:
            self._ledger.keep_letter(state, record, refusal)
            verdict = "rejected"
        else:
            state.recent.add(key, event.version, record.ingest_ms)
        counted = intake.count(
            Origin(event.site, event.source, event.event_type, domain),
            minute_of(record.ingest_ms),
            verdict,
            late=occurred < watermark,
            mended=bool(event.repairs),
            revision=revision,
        )
        self.steps.append((state, domain, watermark, counted))

    def letter(self, state: ShardState, record: LogRecord, letter: DeadLetter) -> None:
        """Keep a record that is no event."""
        self._ledger.keep_rejected(state, record, letter)
        row = self._ledger.dead_letters[-1]
        counted = intake.count(
            Origin(row.site, row.source, row.event_type, record.domain),
            minute_of(record.ingest_ms),
            "rejected",
            late=False,
            mended=False,
            revision=state.revision(record.offset),
        )
        watermark = state.timeline.watermark(record.domain)
        self.steps.append((state, record.domain, watermark, counted))

    def time(self, state: ShardState, record: LogRecord) -> None:
        """A tick or an end: no event, but time passes.

        A live tick's time is its ingest time. A file's tick carries, in its payload, how far its
        source has read in event time, less the source's lateness: files know their own order best.
        """
        domain, revision = record.domain, state.revision(record.offset)
        if record.kind == RecordKind.END:
            self._ledger.keep_end(state, record)
            self._advance(state, domain, END_OF_TIME, revision)
            state.timeline.close(domain)
            return
        self._ledger.hold_tick(state, record)
        if domain == LIVE:
            self._advance(state, domain, record.ingest_ms - self._lateness_ms, revision)
        else:
            self._advance(state, domain, int(record.payload), revision)

    def _advance(self, state: ShardState, domain: str, watermark: int, revision: int) -> None:
        timeline = state.timeline
        before = timeline.watermark(domain)
        minute = minute_of(before)
        if not timeline.advance(domain, watermark):
            return
        while (timer := timeline.next_due(domain)) is not None:
            contact = state.contacts.get((timer.site, timer.key))
            if contact is None or contact.domain != domain or contact.due != timer.due:
                continue  # it has changed since; a later wish stands in the heap
            if minute_of(timer.due) > minute:
                minute = minute_of(timer.due)
                self.steps.append((state, domain, timer.due, state.configs))
            state.touch(contact)
            contact.pass_deadline(timer.due, revision)
            # The timer of a late event may be due in a minute that has been published already.
            self._follow(state, contact, domain, max(before, timer.due))
        if minute_of(watermark) > minute:
            self.steps.append((state, domain, watermark, state.configs))

    # -- what happens -----------------------------------------------------------------------

    def _happen(
        self, state: ShardState, record: LogRecord, event: Event, found: Found
    ) -> DeadLetter | None:
        """Hand an event to the operator that reads its type; where none does, it only counts.

        Returns:
            Why it was refused, if it was.
        """
        if is_contact_event(event):
            return self._contact(state, record, event, found)
        if event.event_type == "config.changed":
            return self._config(state, record, cast(ConfigChanged, event))
        return None

    def _contact(
        self, state: ShardState, record: LogRecord, event: ContactEvent, found: Found
    ) -> DeadLetter | None:
        key = (event.site, event.contact_id)
        contact = state.contacts.get(key)
        if contact is None:
            contact = self._contact_of(state, record, event, found)
            state.contacts[key] = contact
        state.touch(contact)
        if not contact.apply(event, record.domain, state.revision(record.offset)):
            return refuse(
                event,
                record,
                DeadLetterReason.IMPOSSIBLE,
                f"contact_id {event.contact_id!r} has {MAX_STEPS} events already: the source seems "
                "to use one id for many calls; give each call its own and send again",
            )
        self._follow(state, contact, record.domain, state.timeline.watermark(record.domain))
        return None

    def _contact_of(
        self, state: ShardState, record: LogRecord, event: ContactEvent, found: Found
    ) -> Contact:
        """A contact that memory does not hold: from the store, or new.

        One that the store has from beyond the checkpoint did not exist then: what a flush
        overwrites is in the checkpoint as it stood. Its events are about to be read again.
        """
        stored = found.contacts.get((event.site, event.contact_id))
        if stored is None or stored.revision > state.covered:
            version = state.configs.get(event.site, "")
            rules = self.rules_by(version)
            return Contact(event.site, event.contact_id, state.shard, record.subject, rules)
        contact = Contact.restore(
            event.site,
            event.contact_id,
            state.shard,
            stored.state,
            self.rules_by,
            revision=stored.revision,
        )
        adopt(state, contact)
        return contact

    def _follow(self, state: ShardState, contact: Contact, domain: str, watermark: int) -> None:
        """Note all that follows from a changed contact: what it counts as, caller, timer."""
        revision, steps = contact.revision, self.steps
        before = contact.cells
        contact.cells = cells_of(contact)
        for add in change(before, contact.cells, revision):
            steps.append((state, domain, watermark, add))
        caller = contact.caller
        contact.caller = caller_of(contact)
        if caller != contact.caller:
            if caller is not None and (contact.caller is None or contact.caller[0] != caller[0]):
                gone = CallerChange(revision, caller[0], contact.contact_id, None)
                steps.append((state, domain, watermark, gone))
            if contact.caller is not None:
                came = CallerChange(
                    revision, contact.caller[0], contact.contact_id, contact.caller[1]
                )
                steps.append((state, domain, watermark, came))
        schedule(state, contact)

    def _config(
        self, state: ShardState, record: LogRecord, event: ConfigChanged
    ) -> DeadLetter | None:
        version, content = event.content_hash or "", event.content or ""
        try:
            # Under one hash there is one content, so the order of the shards cannot matter.
            if version != hashlib.sha256(content.encode()).hexdigest():
                msg = "content_hash is that of another content"
                raise ValueError(msg)
            if version not in self._rules:
                self._rules[version] = read_rules(version, content)
        except ValueError as error:
            return refuse(
                event,
                record,
                DeadLetterReason.INVALID_FIELD,
                f"content is not a site configuration ({str(error).splitlines()[0]}): check it "
                "with 'goldpan config check' and load it again",
            )
        # A new mapping, because steps that wait to be folded refer to the one of their moment.
        state.configs = {**state.configs, event.site: version}
        self._ledger.configs.append(
            ConfigRow(event.site, version, content, event.who, record.ingest_ms)
        )
        return None

    def rules_by(self, version: str) -> SiteRules:
        """The configuration with that content hash; the defaults where there is none."""
        return self._rules.get(version) or default_rules()


def adopt(state: ShardState, contact: Contact) -> None:
    """Take up a contact that was restored: what it counts as already, and its timer."""
    contact.cells = cells_of(contact)
    contact.caller = caller_of(contact)
    schedule(state, contact)


def schedule(state: ShardState, contact: Contact) -> None:
    """Set the contact's timer, unless it is set."""
    wish = (contact.domain, contact.due)
    if contact.due is not None and wish != contact.scheduled:
        timer = Timer(contact.due, contact.site, contact.contact_id)
        state.timeline.set_timer(contact.domain, timer)
    contact.scheduled = wish


def caller_of(contact: Contact) -> tuple[CallerKey, int] | None:
    """Whose contact it is, on which local day, from when on; None if nobody is known to call.

    The caller is the subject, so that one person who calls from two numbers of his counts once.
    """
    fact, known = contact.fact, contact.caller
    if known is not None and known[1] == fact.started_at and fact.identified:
        return known
    if not fact.identified:
        return None
    day = local_day(fact.started_at, contact.rules.zone)
    return CallerKey(contact.site, day, contact.subject), fact.started_at


def refuse(event: Event, record: LogRecord, reason: DeadLetterReason, detail: str) -> DeadLetter:
    """The dead letter of an event that is well-formed but cannot be taken in."""
    return DeadLetter(
        reason,
        detail,
        record.payload,
        event_id=event.event_id,
        event_type=event.event_type,
        site=event.site,
        source=event.source,
        occurred_ms=event.occurred_ms,
    )
