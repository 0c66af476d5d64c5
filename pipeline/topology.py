"""Log records flow in; base rows, facts, dead letters and stamped partials flow out: stage 1.

The core has no clock, no randomness and does no I/O. Where it must know something that is not in
memory, it *asks*: `process` is a generator that yields a `Lookup` and is sent a `Found`. One batch
goes through in four steps, each at most one lookup:

    1 decode     bytes -> events; which ids may be duplicates, which contacts are unknown?
    2 contacts   records in offset order: watermarks, timers, operators -> cells and caller changes
    3 callers    caller changes -> cells; which callers are unknown?
    4 fold       cells in offset order -> rows; which rows are unknown? watermarks -> partials

Steps 3 and 4 run in record order too, so a batch of one record and a batch of ten thousand give
the same rows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from pipeline.contribution import Add, CallerKey, change
from pipeline.decode import DeadLetter, DeadLetterReason, Decoder
from pipeline.exchange import (
    BaseRow,
    Checkpoint,
    CheckpointItem,
    ConfigRow,
    ContactKey,
    DeadLetterRow,
    Flush,
    Found,
    Lookup,
    RawRow,
)
from pipeline.operators import intake
from pipeline.operators.callers import Caller, CallerChange, local_day
from pipeline.operators.contacts import MAX_STEPS, Contact, cells_of, is_contact_event
from pipeline.operators.rows import DimensionSets, Partial, RowKey
from pipeline.shard import ShardState
from pipeline.site_rules import SiteRules, default_rules, read_rules
from pipeline.timeline import END_OF_TIME, Timer, minute_of
from schemas.events import Event
from schemas.events.calls import ContactEvent
from schemas.events.control import ConfigChanged
from schemas.records import LIVE, LogRecord, RecordKind
from schemas.rows import row_families

PUBLISHED = frozenset({("calls", "queue")})
"""What stage 2 judges: rules look at queues."""


@dataclass(frozen=True, slots=True)
class TopologySettings:
    """What a deployment decides about time and bounds; all in ms."""

    shards: int = 8
    default_site: str = "default"
    allowed_lateness_ms: int = 2_000
    max_skew_ms: int = 300_000


class Watermark(NamedTuple):
    """A shard's word to stage 2: all partials of the domain stamped up to here have been sent."""

    shard: int
    domain: str
    watermark: int


@dataclass(slots=True)
class _Step:
    """One thing that a record caused, to be folded in order."""

    state: ShardState
    domain: str
    watermark: int
    what: Add | CallerChange | Mapping[str, str]
    """A mapping: the watermark itself, which publishes what it has passed; the mapping says which
    rules were in force then, by site."""


@dataclass(slots=True)
class Stage1:
    """All shards that this process owns.

    `partials` and `watermarks` are what stage 2 is to be given next, in order.
    """

    settings: TopologySettings
    shards: dict[int, ShardState] = field(default_factory=dict)
    partials: list[Partial | Watermark] = field(default_factory=list)
    rules: dict[str, SiteRules] = field(default_factory=dict)
    """Every configuration ever in force, by content hash."""
    callers: dict[CallerKey, Caller] = field(default_factory=dict)
    applied: int = 0
    """Event records that passed, good and bad, since the start of this process."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Dead letters of this process by domain."""
    _flush: Flush = field(default_factory=Flush)
    _decoder: Decoder = field(init=False)
    _sets: DimensionSets = field(init=False)

    def __post_init__(self) -> None:
        self._decoder = Decoder(max_skew_ms=self.settings.max_skew_ms)
        self._sets = DimensionSets(
            {
                name: {
                    dims: tuple(family.dimensions.index(column) for column in columns)
                    for dims, columns in family.sets.items()
                }
                for name, family in row_families().items()
            }
        )

    # -- owning shards ----------------------------------------------------------------------

    def open(self, shard: int, generation: int, checkpoint: Checkpoint) -> ShardState:
        """Own a shard from its checkpoint on (or from nothing, if it has none)."""
        state = ShardState(shard, generation, self._sets, PUBLISHED, self.settings.max_skew_ms)
        for version, content in checkpoint.of(shard, "config").items():
            self.rules[version] = read_rules(version, content)
        if checkpoint.of(shard, "meta"):
            state.restore(checkpoint, self.rules)
            state.generation = generation
            for contact in state.contacts.values():
                self._adopt(state, contact)
        self.shards[shard] = state
        return state

    # -- one batch --------------------------------------------------------------------------

    def process(self, records: Sequence[LogRecord]) -> Generator[Lookup, Found, None]:
        """Apply records in the order given; of each shard, what is applied already is skipped."""
        fresh = [r for r in records if r.offset > self.shards[r.shard].offset]
        decoded = self._decode(fresh)
        found = Found()
        lookup = self._unknown(fresh, decoded)
        if lookup:
            found = yield lookup
        steps: list[_Step] = []
        for record, event in zip(fresh, decoded, strict=True):
            self._record(record, event, found, steps)
        found = Found()
        callers = self._unknown_callers(steps)
        if callers:
            found = yield Lookup(callers=callers)
        steps = self._resolve_callers(steps, found)
        rows = self._unknown_rows(steps)
        if rows:
            found = yield Lookup(rows=rows)
            for shard, keys in rows.items():
                for key in keys:
                    measures, revision = found.rows.get((shard, key), ({}, 0))
                    self.shards[shard].rows.load(key, measures, revision)
        self._fold(steps)

    def _decode(self, records: Iterable[LogRecord]) -> list[Event | DeadLetter | None]:
        decode = self._decoder.decode
        event_kind = RecordKind.EVENT
        return [decode(r.payload, r.ingest_ms) if r.kind == event_kind else None for r in records]

    def _unknown(
        self, records: Sequence[LogRecord], decoded: Sequence[Event | DeadLetter | None]
    ) -> Lookup:
        ids: dict[int, set[str]] = {}
        contacts: dict[ContactKey, None] = {}
        for record, event in zip(records, decoded, strict=True):
            if event is None or isinstance(event, DeadLetter):
                continue
            state = self.shards[record.shard]
            recent = state.recent
            if recent.must_ask(event.occurred_ms) and recent.version(event.event_id) is None:
                ids.setdefault(record.shard, set()).add(event.event_id)
            if is_contact_event(event):
                key = (event.site, event.contact_id)
                if key not in state.contacts:
                    contacts[key] = None
        return Lookup(
            event_ids={shard: sorted(wanted) for shard, wanted in ids.items()},
            covered={shard: self.shards[shard].covered for shard in ids},
            contacts=list(contacts),
        )

    def _record(
        self,
        record: LogRecord,
        event: Event | DeadLetter | None,
        found: Found,
        steps: list[_Step],
    ) -> None:
        state = self.shards[record.shard]
        state.offset = record.offset
        if event is None:
            self._time(state, record, steps)
            return
        self.applied += 1
        if isinstance(event, DeadLetter):
            self._reject(state, record, event, steps)
            return
        domain = record.domain
        occurred = event.occurred_ms
        if domain == LIVE:
            lateness = self.settings.allowed_lateness_ms
            self._advance(state, LIVE, min(occurred, record.ingest_ms) - lateness, record, steps)
        late = occurred < state.timeline.watermark(domain)
        self._raw(state, record, event)
        known = state.recent.version(event.event_id)
        if known is None:
            known = found.versions.get((record.shard, event.event_id))
        if known is not None and known >= event.version:
            self._count(state, record, event, "duplicate", late=late, steps=steps)
            return
        state.recent.add(event.event_id, event.version, record.ingest_ms)
        refusal = self._apply(state, record, event, found, steps)
        if refusal is not None:
            self._dead_letter(state, record, refusal)
            self._count(state, record, event, "rejected", late=late, steps=steps)
            return
        self._count(state, record, event, "applied", late=late, steps=steps)

    def _apply(
        self,
        state: ShardState,
        record: LogRecord,
        event: Event,
        found: Found,
        steps: list[_Step],
    ) -> DeadLetter | None:
        """Hand an event to the operator that reads its type; none does: it is only counted."""
        if is_contact_event(event):
            return self._contact(state, record, event, found, steps)
        if event.event_type == "config.changed":
            return self._config(state, record, cast(ConfigChanged, event))
        return None

    # -- time -------------------------------------------------------------------------------

    def _time(self, state: ShardState, record: LogRecord, steps: list[_Step]) -> None:
        """A tick or an end: no event, but time passes.

        A live tick's time is its ingest time. A file's tick carries, in its payload, how far its
        source has read in event time, less the source's lateness: files know their own order best.
        """
        domain = record.domain
        if record.kind == RecordKind.END:
            self._keep_tick(state)
            self._raw_time(state, record)
            self._advance(state, domain, END_OF_TIME, record, steps)
            state.timeline.close(domain)
            return
        if domain == LIVE:
            watermark = record.ingest_ms - self.settings.allowed_lateness_ms
        else:
            watermark = int(record.payload)
        state.held_ticks[domain] = self._time_row(state, record)
        self._advance(state, domain, watermark, record, steps)

    def _advance(
        self,
        state: ShardState,
        domain: str,
        watermark: int,
        record: LogRecord,
        steps: list[_Step],
    ) -> None:
        """Move a watermark; what falls due on the way happens in order, each at its own time."""
        timeline = state.timeline
        before = minute_of(timeline.watermark(domain))
        if not timeline.advance(domain, watermark):
            return
        while (timer := timeline.next_due(domain)) is not None:
            contact = state.contacts.get((timer.site, timer.key))
            if contact is None or contact.domain != domain or contact.deadline() != timer.due:
                continue  # it has been changed since; a later wish stands in the heap
            if minute_of(timer.due) > before:
                before = minute_of(timer.due)
                steps.append(_Step(state, domain, timer.due, state.configs))
            self._touch(state, contact, domain, timer.due, steps, due=timer.due, record=record)
        if minute_of(watermark) > before:
            steps.append(_Step(state, domain, watermark, state.configs))

    # -- contacts ---------------------------------------------------------------------------

    def _contact(
        self,
        state: ShardState,
        record: LogRecord,
        event: ContactEvent,
        found: Found,
        steps: list[_Step],
    ) -> DeadLetter | None:
        key = (event.site, event.contact_id)
        contact = state.contacts.get(key)
        if contact is None:
            stored = found.contacts.get(key)
            if stored is None:
                rules = self._rules(state, event.site)
                contact = Contact(event.site, event.contact_id, state.shard, record.subject, rules)
            else:
                contact = Contact.restore(
                    *key,
                    state.shard,
                    stored.state,
                    self._rules_by,
                    revision=stored.revision,
                    guard=stored.revision,
                )
            state.contacts[key] = contact
            self._adopt(state, contact)
        watermark = state.timeline.watermark(record.domain)
        return self._touch(
            state, contact, record.domain, watermark, steps, event=event, record=record
        )

    def _touch(
        self,
        state: ShardState,
        contact: Contact,
        domain: str,
        watermark: int,
        steps: list[_Step],
        *,
        record: LogRecord,
        event: ContactEvent | None = None,
        due: int = 0,
    ) -> DeadLetter | None:
        """Apply an event or a passed deadline to a contact and note all that follows from it."""
        revision = state.revision(record.offset)
        state.dirty_contacts[contact.site, contact.contact_id] = None
        if revision <= contact.guard:
            return None
        cells, caller = contact.cells, contact.caller
        if event is None:
            contact.pass_deadline(due, revision)
        elif not contact.apply(event, domain, revision):
            return contact_full(event, record)
        contact.cells = cells_of(contact)
        contact.caller = caller_of(contact)
        for add in change(cells, contact.cells, revision):
            steps.append(_Step(state, domain, watermark, add))
        if caller != contact.caller:
            for which, starts_at in _caller_moves(caller, contact.caller):
                moved = CallerChange(revision, which, contact.contact_id, starts_at)
                steps.append(_Step(state, domain, watermark, moved))
        self._schedule(state, contact)
        return None

    def _adopt(self, state: ShardState, contact: Contact) -> None:
        """Take up a contact that was restored: what it counts as already, and its timer."""
        contact.cells = cells_of(contact) if contact.steps else []
        contact.caller = caller_of(contact) if contact.steps else None
        self._schedule(state, contact)

    def _schedule(self, state: ShardState, contact: Contact) -> None:
        due = contact.deadline() if contact.steps else None
        wish = (contact.domain, due)
        if due is not None and wish != contact.scheduled:
            state.timeline.set_timer(contact.domain, Timer(due, contact.site, contact.contact_id))
        contact.scheduled = wish

    # -- configuration ----------------------------------------------------------------------

    def _config(
        self, state: ShardState, record: LogRecord, event: ConfigChanged
    ) -> DeadLetter | None:
        version, content = event.content_hash or "", event.content or ""
        try:
            self.rules[version] = read_rules(version, content)
        except ValueError as error:
            return DeadLetter(
                DeadLetterReason.INVALID_FIELD,
                f"content is not a site configuration ({str(error).splitlines()[0]}): check it with "
                "'goldpan config check' and load it again",
                record.payload,
                event_id=event.event_id,
                event_type=event.event_type,
                site=event.site,
                source=event.source,
                occurred_ms=event.occurred_ms,
            )
        state.configs = {**state.configs, event.site: version}
        self._flush.configs.append(
            ConfigRow(event.site, version, content, event.who, record.ingest_ms)
        )
        return None

    def _rules(self, state: ShardState, site: str) -> SiteRules:
        return self._rules_by(state.configs.get(site, ""))

    def _rules_by(self, version: str) -> SiteRules:
        return self.rules.get(version, default_rules())

    # -- callers and rows -------------------------------------------------------------------

    def _unknown_callers(self, steps: Iterable[_Step]) -> list[CallerKey]:
        wanted = {step.what.key: None for step in steps if isinstance(step.what, CallerChange)}
        return [key for key in wanted if key not in self.callers]

    def _resolve_callers(self, steps: Iterable[_Step], found: Found) -> list[_Step]:
        """Put in each caller change's place what it counts as."""
        resolved: list[_Step] = []
        for step in steps:
            if not isinstance(step.what, CallerChange):
                resolved.append(step)
                continue
            key = step.what.key
            caller = self.callers.get(key)
            if caller is None:
                stored = found.callers.get(key)
                caller = (
                    Caller(key, step.state.shard)
                    if stored is None
                    else Caller(key, step.state.shard, revision=stored.revision, state=stored.state)
                )
                self.callers[key] = caller
            resolved.extend(
                _Step(step.state, step.domain, step.watermark, add)
                for add in caller.apply(step.what)
            )
        return resolved

    def _unknown_rows(self, steps: Iterable[_Step]) -> dict[int, list[RowKey]]:
        adds: dict[int, list[Add]] = {}
        for step in steps:
            if isinstance(step.what, Add):
                adds.setdefault(step.state.shard, []).append(step.what)
        missing = {shard: self.shards[shard].rows.missing(some) for shard, some in adds.items()}
        return {shard: sorted(keys) for shard, keys in missing.items() if keys}

    def _fold(self, steps: Iterable[_Step]) -> None:
        for step in steps:
            book = step.state.rows
            if isinstance(step.what, Add):
                book.add(step.what, step.domain, step.watermark)
            elif not isinstance(step.what, CallerChange):
                partials = book.publish(step.domain, step.watermark, step.what)
                self.partials.extend(partials)
                self.partials.append(Watermark(book.shard, step.domain, step.watermark))

    # -- what is kept of records ------------------------------------------------------------

    def _raw(self, state: ShardState, record: LogRecord, event: Event) -> None:
        self._keep_tick(state)
        self._flush.raw.append(
            RawRow(
                event.site,
                state.shard,
                state.generation,
                record.offset,
                record.kind,
                record.domain,
                record.ingest_ms,
                event.occurred_ms,
                event.event_type,
                event.event_id,
                event.version,
                event.source,
                record.subject,
                record.payload,
            )
        )

    def _time_row(self, state: ShardState, record: LogRecord) -> RawRow:
        return RawRow(
            self.settings.default_site,
            state.shard,
            state.generation,
            record.offset,
            record.kind,
            record.domain,
            record.ingest_ms,
            record.ingest_ms,
            "",
            "",
            0,
            "",
            "",
            record.payload,
        )

    def _raw_time(self, state: ShardState, record: LogRecord) -> None:
        self._flush.raw.append(self._time_row(state, record))

    def _keep_tick(self, state: ShardState) -> None:
        """Write the last tick before an event; of the ticks in between nothing depends (law 12)."""
        if state.held_ticks:
            self._flush.raw.extend(state.held_ticks.values())
            state.held_ticks.clear()

    def _reject(
        self, state: ShardState, record: LogRecord, letter: DeadLetter, steps: list[_Step]
    ) -> None:
        self._keep_tick(state)
        site = letter.site or self.settings.default_site
        row = self._time_row(state, record)
        self._flush.raw.append(
            row._replace(
                site=site,
                event_type=letter.event_type,
                event_id="",
                source=letter.source,
                subject=record.subject,
            )
        )
        self._dead_letter(state, record, letter)
        steps.append(
            _Step(
                state,
                record.domain,
                state.timeline.watermark(record.domain),
                intake.count(
                    site,
                    letter.source,
                    letter.event_type,
                    record.domain,
                    record.ingest_ms,
                    "rejected",
                    late=False,
                    repairs=0,
                    revision=state.revision(record.offset),
                ),
            )
        )

    def _dead_letter(self, state: ShardState, record: LogRecord, letter: DeadLetter) -> None:
        self.rejected[record.domain] = self.rejected.get(record.domain, 0) + 1
        self._flush.dead_letters.append(
            DeadLetterRow(
                letter.site or self.settings.default_site,
                state.shard,
                state.generation,
                record.offset,
                record.ingest_ms,
                record.domain,
                letter.source,
                letter.event_type,
                letter.event_id,
                letter.reason.value,
                letter.detail,
                letter.payload,
            )
        )

    def _count(
        self,
        state: ShardState,
        record: LogRecord,
        event: Event,
        verdict: intake.Verdict,
        *,
        late: bool,
        steps: list[_Step],
    ) -> None:
        add = intake.count(
            event.site,
            event.source,
            event.event_type,
            record.domain,
            record.ingest_ms,
            verdict,
            late=late,
            repairs=len(event.repairs or ()),
            revision=state.revision(record.offset),
        )
        steps.append(_Step(state, record.domain, state.timeline.watermark(record.domain), add))

    # -- flushing ---------------------------------------------------------------------------

    def collect(self) -> Flush:
        """Everything that changed since the last call of `settled`, as it stands now."""
        flush = self._flush
        flush.rows = [
            BaseRow(state.shard, row.key, row.revision, row.measures)
            for state in self.shards.values()
            for row in state.rows.dirty
        ]
        flush.callers = list(self.callers.values())
        flush.contacts = [
            state.contacts[key] for state in self.shards.values() for key in state.dirty_contacts
        ]
        flush.checkpoint = [item for state in self.shards.values() for item in state.snapshot()]
        for config in flush.configs:
            flush.checkpoint.extend(
                CheckpointItem(shard, "config", config.hash, config.content)
                for shard in self.shards
            )
        return flush

    def settled(self, now_ms: int) -> None:
        """The last `collect` is in the store, checkpoint included."""
        self._flush = Flush()
        self.callers.clear()
        for state in self.shards.values():
            state.settled(now_ms)


def caller_of(contact: Contact) -> tuple[CallerKey, int] | None:
    """Whose contact it is, on which local day, from when on; None if nobody is known to call.

    The caller is the subject, so that one person who calls from two numbers of his counts once.
    """
    if not contact.fact.identified:
        return None
    started = contact.fact.started_at
    day = local_day(started, contact.rules.zone)
    return CallerKey(contact.site, day, contact.subject), started


def _caller_moves(
    old: tuple[CallerKey, int] | None, new: tuple[CallerKey, int] | None
) -> list[tuple[CallerKey, int | None]]:
    moves: list[tuple[CallerKey, int | None]] = []
    if old is not None and (new is None or old[0] != new[0]):
        moves.append((old[0], None))
    if new is not None:
        moves.append(new)
    return moves


def contact_full(event: ContactEvent, record: LogRecord) -> DeadLetter:
    """The dead letter of an event whose contact has as many events as one may have."""
    return DeadLetter(
        DeadLetterReason.IMPOSSIBLE,
        f"contact_id {event.contact_id!r} has {MAX_STEPS} events already: the source seems to use "
        "one id for many calls; give each call its own and send again",
        record.payload,
        event_id=event.event_id,
        event_type=event.event_type,
        site=event.site,
        source=event.source,
        occurred_ms=event.occurred_ms,
    )
