"""Decoded records flow in, in offset order; changed entities and the steps to fold flow out.

For each record first time passes, then the event happens: what falls due up to the new watermark is
done in due order, each with its due time as `now`, before the event itself is looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import cast

from pipeline.contribution import CallerKey, change
from pipeline.decode import DeadLetter, DeadLetterReason, Decoder
from pipeline.entity import AnyEntity, EntityKey
from pipeline.entries import HistoryKey
from pipeline.exchange import ConfigRow, Found
from pipeline.operators import intake
from pipeline.operators.callers import CallerChange, local_day
from pipeline.operators.histories import HistoryChange
from pipeline.operators.intake import Origin
from pipeline.site_rules import SiteRules, default_rules, read_rules
from pipeline.stage1.ledger import Ledger
from pipeline.stage1.shard import ShardState
from pipeline.stage1.steps import Step
from pipeline.timeline import END_OF_TIME, Timer, minute_of
from schemas.events import Event
from schemas.events.control import ConfigChanged
from schemas.records import LIVE, LogRecord, RecordKind

_NO_KEY = (
    "the record has no key, so it lies on any shard, and the rest of its call or ticket on others: "
    "send events through 'goldpan run' or 'goldpan ingest', and put this one back"
)


class Applier:
    """Applies records to their shards, one batch at a time.

    Args:
        families: what events tell of.
        decoder: reads what lower versions of an event said.
        ledger: keeps what is kept of every record.
        rules: every configuration ever in force, by content hash; grows as they come in.
        allowed_lateness_ms: of the live domain.
    """

    def __init__(
        self,
        families: Iterable[type[AnyEntity]],
        decoder: Decoder,
        ledger: Ledger,
        rules: dict[str, SiteRules],
        allowed_lateness_ms: int,
    ) -> None:
        self.steps: list[Step] = []
        self._readers: dict[str, list[type[AnyEntity]]] = {}
        for family in families:
            for event_type in family.types:
                self._readers.setdefault(event_type, []).append(family)
        self._decoder = decoder
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
            state.sources.hear(
                event.site, event.source, event.event_type, occurred, record.ingest_ms
            )
        watermark = state.timeline.watermark(domain)
        self._ledger.keep_event(state, record, event)
        verdict: intake.Verdict = "applied"
        key = (event.site, event.event_id)
        known = state.recent.version(*key)
        stored = found.versions.get((state.shard, key))
        # After a restart memory has what came last, which may be a late copy of a lower version.
        if stored is not None and (known is None or stored > known):
            known = stored
        if known is not None and known >= event.version:
            verdict = "duplicate"
        elif (refusal := self._happen(state, record, event, found)) is not None:
            self._ledger.keep_letter(state, record, refusal)
            verdict = "rejected"
        else:
            state.recent.add(key, event.version, record.ingest_ms)
            if known is not None:
                self._withdraw(state, record, event, found)
        self._ledger.verdicts[verdict] += 1
        self._ledger.verdicts["late"] += verdict == "applied" and occurred < watermark
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
            entity = state.entities.get(EntityKey(timer.family, timer.site, timer.id))
            if entity is None or entity.domain != domain or entity.due != timer.due:
                continue  # it has changed since; a later wish stands in the heap
            if minute_of(timer.due) > minute:
                minute = minute_of(timer.due)
                self.steps.append((state, domain, timer.due, state.configs))
            state.touch(entity)
            entity.pass_deadline(timer.due, revision)
            # The timer of a late event may be due in a minute that has been published already.
            self._follow(state, entity, domain, max(before, timer.due))
        if minute_of(watermark) > minute:
            self.steps.append((state, domain, watermark, state.configs))

    # -- what happens -----------------------------------------------------------------------

    def keys_of(self, event: Event, domain: str) -> list[tuple[type[AnyEntity], EntityKey]]:
        """The entities that an event tells of, each with its family; none for most types."""
        return [
            (family, EntityKey(family.family, event.site, family.id_in(domain, id_)))
            for family in self._readers.get(event.event_type, ())
            for id_ in family.ids_of(event)
        ]

    def told(self, payload: bytes, domain: str) -> list[tuple[type[AnyEntity], EntityKey]]:
        """The entities that an event told of, which was taken in once."""
        event = self._decoder.decode(payload, END_OF_TIME)
        return [] if isinstance(event, DeadLetter) else self.keys_of(event, domain)

    def _withdraw(self, state: ShardState, record: LogRecord, event: Event, found: Found) -> None:
        """Take a lower version of the event out of the entities of which it no longer tells.

        Either it is in the store up to the checkpoint, or in an entity that changed since then. One
        that lies on another shard, because its subject is another one, is not found; nor is one of
        another domain, where each domain has its own.
        """
        domain = record.domain
        now = {key for _, key in self.keys_of(event, domain)}
        told = found.told.get((state.shard, (event.site, event.event_id)), b"")
        before = {key: family for family, key in self.told(told, domain) if key not in now}
        before |= {
            key: type(state.entities[key])
            for key in state.dirty_entities
            if key.site == event.site
            and key not in now
            and event.event_id in state.entities[key].steps
            and state.entities[key].may_hear_in(domain)
        }
        for key, family in before.items():
            stored = found.entities.get(key)
            is_known = stored is not None and stored.revision <= state.covered
            if key not in state.entities and not is_known:
                continue
            entity = state.entities.get(key) or self._find(
                state, family, key, record.subject, found
            )
            if event.event_id in entity.steps:
                state.touch(entity)
                entity.withdraw(event.event_id, state.revision(record.offset))
                watermark = state.timeline.watermark(record.domain)
                self._follow(state, entity, record.domain, watermark)

    def _happen(
        self, state: ShardState, record: LogRecord, event: Event, found: Found
    ) -> DeadLetter | None:
        """Hand an event to the operators that read its type; where none does, it only counts.

        Returns:
            Why it was refused, if it was.
        """
        if event.event_type == "config.changed":
            return self._config(state, record, cast(ConfigChanged, event))
        if not record.subject:
            return refuse(event, record, DeadLetterReason.NO_KEY, _NO_KEY)
        entities = [
            state.entities.get(key) or self._find(state, family, key, record.subject, found)
            for family, key in self.keys_of(event, record.domain)
        ]
        for entity in entities:
            if why := entity.refusal(event):
                return refuse(event, record, DeadLetterReason.IMPOSSIBLE, why)
        for entity in entities:
            state.touch(entity)
            if entity.follows_rules:
                entity.rules = self.rules_by(state.configs.get(event.site, ""))
            entity.apply(event, record.domain, state.revision(record.offset))
            watermark = state.timeline.watermark(record.domain)
            self._follow(state, entity, record.domain, watermark)
        return None

    def _find(
        self,
        state: ShardState,
        family: type[AnyEntity],
        key: EntityKey,
        subject: str,
        found: Found,
    ) -> AnyEntity:
        """An entity that memory does not hold: from the store, or new.

        One that the store has from beyond the checkpoint did not exist then: what a flush
        overwrites is in the checkpoint as it stood. Its events are about to be read again.
        """
        stored = found.entities.get(key)
        if stored is None or stored.revision > state.covered:
            rules = self.rules_by(state.configs.get(key.site, ""))
            entity = family(key.site, key.id, state.shard, subject, rules)
        else:
            entity = family.restore(
                key, state.shard, stored.state, self.rules_by, revision=stored.revision
            )
            adopt(state, entity)
        state.entities[key] = entity
        return entity

    def _follow(self, state: ShardState, entity: AnyEntity, domain: str, watermark: int) -> None:
        """Note all that follows from a change: what it counts as, caller, history, timer."""
        revision, steps = entity.revision, self.steps
        before = entity.cells
        entity.cells = entity.counted()
        for add in change(before, entity.cells, revision):
            steps.append((state, domain, watermark, add))
        caller = entity.caller
        entity.caller = caller_of(entity)
        if caller != entity.caller:
            if caller is not None and (entity.caller is None or entity.caller[0] != caller[0]):
                gone = CallerChange(revision, caller[0], entity.id, None)
                steps.append((state, domain, watermark, gone))
            if entity.caller is not None:
                came = CallerChange(revision, entity.caller[0], entity.id, entity.caller[1])
                steps.append((state, domain, watermark, came))
        told = entity.tells()
        if told != entity.told:
            entity.told = told
            key = HistoryKey(entity.site, entity.subject)
            changed = HistoryChange(revision, key, entity.family, entity.id, told)
            steps.append((state, domain, watermark, changed))
        place(state, entity)
        schedule(state, entity)

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


def adopt(state: ShardState, entity: AnyEntity) -> None:
    """Take up an entity that was restored: what it counts as already, and its timer."""
    entity.cells = entity.counted()
    entity.caller = caller_of(entity)
    entity.told = entity.tells()
    place(state, entity)
    schedule(state, entity)


def place(state: ShardState, entity: AnyEntity) -> None:
    """Put a live entity into the queues that it stands in, and out of those that it has left."""
    standing = entity.stands() if entity.domain == LIVE else ()
    if standing != entity.standing:
        state.queues.move(entity.key, entity.standing, standing)
        entity.standing = standing


def schedule(state: ShardState, entity: AnyEntity) -> None:
    """Set the entity's timer, unless it is set."""
    wish = (entity.domain, entity.due)
    if entity.due is not None and wish != entity.scheduled:
        timer = Timer(entity.due, entity.site, entity.id, entity.family)
        state.timeline.set_timer(entity.domain, timer)
    entity.scheduled = wish


def caller_of(entity: AnyEntity) -> tuple[CallerKey, int] | None:
    """Who called with it, on which local day, and when; None if nobody is known to.

    The caller is the subject, so that one person who calls from two numbers of his counts once.
    """
    called_at, known = entity.called_at(), entity.caller
    if called_at is None:
        return None
    if known is not None and known[1] == called_at:
        return known
    day = local_day(called_at, entity.rules.zone)
    return CallerKey(entity.site, day, entity.subject), called_at


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
