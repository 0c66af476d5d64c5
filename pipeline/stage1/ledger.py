"""Records and verdicts flow in, what is kept flows out: raw events, dead letters, configs."""

from __future__ import annotations

from collections import Counter

from pipeline.decode import DeadLetter
from pipeline.exchange import ConfigRow, DeadLetterRow, RawRow
from pipeline.stage1.shard import ShardState
from schemas.events import Event
from schemas.records import LogRecord


class Ledger:
    """What the next flush keeps of the records that were read.

    Args:
        default_site: whose table a record belongs to that names no site.
    """

    def __init__(self, default_site: str) -> None:
        self.raw: list[RawRow] = []
        self.dead_letters: list[DeadLetterRow] = []
        self.configs: list[ConfigRow] = []
        self.rejected: Counter[str] = Counter()
        """Dead letters of this process by domain."""
        self.verdicts: Counter[str] = Counter()
        """Events of this process that were applied or duplicates; and, besides, that were late."""
        self._default_site = default_site

    def keep_event(self, state: ShardState, record: LogRecord, event: Event) -> None:
        """Keep an event's record, and the ticks that came before it."""
        self.keep_ticks(state)
        self.raw.append(
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

    def keep_rejected(self, state: ShardState, record: LogRecord, letter: DeadLetter) -> None:
        """Keep a record that is no event, with the letter that says why.

        It keeps no event id: an event sent again, mended, is not a duplicate of it.
        """
        self.keep_ticks(state)
        bare = self._bare(state, record)
        self.raw.append(
            bare._replace(
                site=letter.site or self._default_site,
                event_type=letter.event_type,
                source=letter.source,
                subject=record.subject,
            )
        )
        self.keep_letter(state, record, letter)

    def keep_letter(self, state: ShardState, record: LogRecord, letter: DeadLetter) -> None:
        """Keep why a record does not count."""
        self.rejected[record.domain] += 1
        self.dead_letters.append(
            DeadLetterRow(
                letter.site or self._default_site,
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

    def hold_tick(self, state: ShardState, record: LogRecord) -> None:
        """Hold a tick until an event follows it; nothing depends on those in between (law 12)."""
        state.held_ticks[record.domain] = self._bare(state, record)

    def keep_end(self, state: ShardState, record: LogRecord) -> None:
        """Keep the end of an ingest."""
        self.keep_ticks(state)
        self.raw.append(self._bare(state, record))

    def keep_ticks(self, state: ShardState) -> None:
        """Keep the ticks that were held."""
        if state.held_ticks:
            self.raw.extend(state.held_ticks.values())
            state.held_ticks.clear()

    def settled(self) -> None:
        """All of it is in the store."""
        self.raw, self.dead_letters, self.configs = [], [], []

    def _bare(self, state: ShardState, record: LogRecord) -> RawRow:
        return RawRow(
            self._default_site,
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
