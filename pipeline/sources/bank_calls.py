"""A bank's call log flows in, one row per call; what its switch would have sent flows out.

Rows come line by line of the switch, so all are read before the first event goes out, and events
go out in order of occurrence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from pipeline.errors import InputError
from pipeline.sources.bank_rows import COLUMNS, BankCall, read_row
from pipeline.sources.files import LineFile
from pipeline.sources.source import Counted, unreadable_row

SOURCE: Final = "bank-calls"


class _Step(StrEnum):
    """A call's events, in their order within one second; the values end their event ids."""

    IVR_STARTED = "0-ivr-started"
    IVR_ENDED = "1-ivr-ended"
    QUEUED = "2-queued"
    OUTCOME = "3-outcome"
    ENDED = "4-ended"


class BankCalls(Counted):
    """Reads one month of calls. A call's events share `contact_id`, and so their shard."""

    name = SOURCE
    allowed_lateness_ms = 0
    """Events leave here in order of occurrence."""

    def __init__(self, path: Path, site: str, zone: ZoneInfo) -> None:
        """Read the calls in `path` as those of `site`, whose clocks show the time of `zone`.

        Raises:
            InputError: there is no such file, or it cannot be opened.
        """
        self._file = LineFile(path)
        super().__init__(self._file)
        self.site = site
        self.zone = zone

    def events(self) -> Iterator[bytes]:
        """Yield rows that cannot be read first, then all events in order of occurrence.

        Raises:
            InputError: the columns are others, or the file breaks off; then the events of the
                rows before the break were yielded.
        """
        self.begin()
        calls: list[BankCall] = []
        broken: InputError | None = None
        try:
            lines = self._file.lines()
            self._check_header(next(lines, b""))
            for row, line in enumerate(lines, start=2):
                if not line or line.isspace():
                    self.skipped["blank line"] += 1
                    continue
                try:
                    call = read_row(line, self.zone)
                except ValueError as error:
                    problem = f"{error} ({self._file.path.name})"
                    yield unreadable_row(row, problem, line, site=self.site, source=SOURCE)
                    continue
                self.repairs.update(call.repairs)
                calls.append(call)
        except InputError as error:
            if not calls:
                raise
            broken = error
        yield from self._in_order(calls)
        if broken is not None:
            raise broken

    def _in_order(self, calls: list[BankCall]) -> Iterator[bytes]:
        order = [
            (at, call.contact_id, step, number)
            for number, call in enumerate(calls)
            for at, step in _steps(call)
        ]
        order.sort()
        for at, _, step, number in order:
            yield _payload(calls[number], step, at, self.site)

    def _check_header(self, line: bytes) -> None:
        found = tuple(line.decode("utf-8", errors="replace").strip().split("\t"))
        if found != COLUMNS:
            msg = (
                f"{self._file.path} does not begin with the columns of bank-calls; expected, "
                f"separated by tabs: {' '.join(COLUMNS)}. Found: {' '.join(found)[:200] or 'none'}."
            )
            raise InputError(msg)


def _steps(call: BankCall) -> Iterator[tuple[int, _Step]]:
    """List when a call did what, in seconds since 1970."""
    yield call.ivr_started, _Step.IVR_STARTED
    yield call.ivr_ended, _Step.IVR_ENDED
    if call.outcome != "PHANTOM" and call.queued is not None:
        yield call.queued, _Step.QUEUED
    yield call.decided, _Step.OUTCOME
    if call.ended is not None:
        yield call.ended, _Step.ENDED


def _payload(call: BankCall, step: _Step, at: int, site: str) -> bytes:
    """Write one event. Every row's wait and talk appear exactly once, whatever its outcome."""
    event: dict[str, object] = {
        "event_id": f"{call.contact_id}:{step}",
        "event_type": "",
        "site": site,
        "source": SOURCE,
        "occurred_at": datetime.fromtimestamp(at, UTC),
        "contact_id": call.contact_id,
    }
    if call.customer_id is not None:
        event["customer_id"] = call.customer_id
    match step:
        case _Step.IVR_STARTED:
            event["event_type"] = "ivr.started"
            if call.repairs:
                event["repairs"] = call.repairs
        case _Step.IVR_ENDED:
            event["event_type"] = "ivr.ended"
            if call.ivr_s is not None:
                event["ivr_ms"] = call.ivr_s * 1000
        case _Step.QUEUED:
            event |= {"event_type": "call.queued", "channel": "phone", "direction": "inbound"}
            event |= {"queue": call.queue, "priority": call.priority}
        case _Step.OUTCOME:
            event |= {"queue": call.queue, "wait_ms": call.wait_s * 1000} | _outcome(call)
        case _Step.ENDED:
            event |= {"event_type": "call.ended", "queue": call.queue}
            event["talk_ms"] = call.talk_s * 1000
            if call.outcome == "AGENT":
                event["agent_id"] = call.agent_id
    return msgspec.json.encode(event)


def _outcome(call: BankCall) -> dict[str, object]:
    match call.outcome:
        case "AGENT":
            return {"event_type": "call.answered", "agent_id": call.agent_id}
        case "HANG":
            phase = "queue" if call.in_queue else "ivr"
            return {"event_type": "call.abandoned", "phase": phase}
        case _:
            return {"event_type": "call.failed", "reason": "phantom"}
