"""A seed flows in, a made-up morning at two small centres flows out, as the records of a log.

Calls of every shape, told by unreliable sources: events come late, twice, out of order, corrected,
with higher versions, cut to pieces; some calls come in files while others are live.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.config import canonical_json, content_hash
from pipeline.log.partition import shard_of
from schemas.records import LIVE, LogRecord, RecordKind
from schemas.site import SiteConfig

START = 1_700_000_000_000 - 1_700_000_000_000 % 60_000
SITES = ("demo", "other")
QUEUES = ("sales", "service")
LATENESS_MS = 2_000


class Sent(NamedTuple):
    """One delivery: when it arrives (epoch ms), under which subject and domain, saying what."""

    at: int
    subject: str
    domain: str
    payload: bytes


@dataclass(frozen=True)
class Mood:
    """How unreliable sources are: the share of events that this happens to."""

    late: float = 0.1
    duplicate: float = 0.1
    correct: float = 0.1
    raise_version: float = 0.1
    lose: float = 0.1
    garble: float = 0.02
    disorder: float = 0.1


TIDY = Mood(0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Scenario:
    """What is delivered, in order of arrival, besides ticks."""

    sent: tuple[Sent, ...]
    ticks: tuple[int, ...]
    """When live ticks enter every shard, epoch ms."""
    shards: int = 2
    everywhere: tuple[tuple[int, RecordKind, str, bytes], ...] = ()
    """What enters every shard besides: configurations, the ticks and ends of files."""

    def records(self) -> list[LogRecord]:
        """The log, in the order in which it was written."""
        moments: list[tuple[int, int, int, RecordKind, str, str, bytes]] = []
        for number, sent in enumerate(self.sent):
            shard = shard_of(sent.subject, self.shards)
            moments.append(
                (sent.at, number, shard, RecordKind.EVENT, sent.domain, sent.subject, sent.payload)
            )
        number = len(moments)
        for at, kind, domain, payload in self.everywhere:
            number += 1
            for shard in range(self.shards):
                moments.append((at, number, shard, kind, domain, "", payload))
        for at in self.ticks:
            for shard in range(self.shards):
                moments.append((at, number + 1, shard, RecordKind.TICK, LIVE, "", b""))
        moments.sort(key=lambda moment: moment[:3])
        offsets = [0] * self.shards
        records = []
        for at, _, shard, kind, domain, subject, payload in moments:
            records.append(LogRecord(shard, offsets[shard], kind, at, domain, subject, payload))
            offsets[shard] += 1
        return records

    def over(self, shards: int) -> Scenario:
        """The same deliveries to another number of shards."""
        return replace(self, shards=shards)


def iso(at_ms: int) -> str:
    """Epoch ms as RFC 3339."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def event(event_type: str, at: int, contact_id: str, **fields: Any) -> dict[str, Any]:
    """One event of a contact as a source's JSON object."""
    content = {
        "event_type": event_type,
        "event_id": f"{contact_id}:{event_type}:{at - START}",
        "site": "demo",
        "source": "switch",
        "occurred_at": iso(at),
        "contact_id": contact_id,
    }
    return content | fields


def encode(content: dict[str, Any]) -> bytes:
    """The payload of an event."""
    return json.dumps(content, ensure_ascii=False).encode()


def configuration(site: str, at: int, **settings: Any) -> bytes:
    """A `config.changed` event."""
    config = SiteConfig.model_validate(
        {"format": 1, "site": site, "name": {"zh": "例", "en": "Ex"}, "time_zone": "Asia/Shanghai"}
        | settings
    )
    version = content_hash(config)
    return encode(
        {
            "event_type": "config.changed",
            "event_id": f"config:{site}:{version}:{at}",
            "site": site,
            "source": "goldpan",
            "occurred_at": iso(at),
            "who": "test",
            "content_hash": version,
            "content": canonical_json(config),
        }
    )


def call(random_: random.Random, contact_id: str, site: str, begin: int) -> list[dict[str, Any]]:
    """The events of one call, of any shape, in the order in which they happened."""
    chance, between = random_.random, random_.randint
    who: dict[str, Any] = {"site": site}
    if chance() < 0.8:
        who["customer_id"] = f"k{between(1, 4)}"
    late_known = chance() < 0.15
    first = {"site": site} if late_known else who
    events: list[dict[str, Any]] = []
    at = begin
    queue = random_.choice(QUEUES)

    def tell(event_type: str, **fields: Any) -> None:
        about = {"site": site, "event_id": f"{contact_id}:{len(events)}"}
        about |= first if event_type != "call.ended" else who
        events.append(event(event_type, at, contact_id, **(about | fields)))

    if chance() < 0.3:
        tell("ivr.started")
        at += between(0, 20_000)
        tell("ivr.ended", ivr_ms=1000, contained=chance() < 0.2)
    if chance() < 0.05:
        tell("call.abandoned", wait_ms=500, phase="ivr")
        return events
    if chance() < 0.05:
        tell("call.failed", wait_ms=0, reason="busy")
        return events
    shape = chance()
    for _ in range(2 if shape < 0.2 else 1):
        tell("call.queued", queue=queue, channel="phone")
        wait = random_.choice([0, 500, 4000, 5000, 19_000, 20_000, 21_000, 45_000, 90_000])
        at += wait
        if shape < 0.1:
            tell("call.flow_out", wait_ms=wait)
            queue = random_.choice(QUEUES)
            continue
        if shape > 0.95:
            tell("call.callback", wait_ms=wait)
        elif shape > 0.6:
            tell("call.abandoned", wait_ms=wait, phase=random_.choice(["queue", "ring"]))
            return events
        if shape > 0.55:
            return events
        tell("call.answered", wait_ms=wait, agent_id=f"a{between(1, 2)}", team="t")
        at += between(0, 5000)
        if chance() < 0.2:
            tell("call.held", hold_ms=1000)
        if 0.1 <= shape < 0.2:
            at += between(0, 1000)
            tell("call.transferred", to_queue=queue)
            queue = random_.choice(QUEUES)
    at += between(0, 200_000)
    tell("call.ended", talk_ms=between(0, 90_000), ended_by=random_.choice(["agent", "customer"]))
    if chance() < 0.5:
        at += between(0, 30_000)
        tell("call.acw_ended", acw_ms=20_000, agent_id="a1")
    return events


def deliver(
    random_: random.Random, mood: Mood, content: dict[str, Any], plain: Sent
) -> Iterator[Sent]:
    """How one event reaches the log: perhaps late, not at all, several times, or revised.

    `plain` is its delivery if nothing goes wrong.
    """
    chance = random_.random
    if chance() < mood.lose:
        return
    at, payload = plain.at, plain.payload
    if chance() < mood.disorder:
        at += random_.randint(0, LATENESS_MS)
    if chance() < mood.late:
        at += random_.choice([5_000, 70_000, 200_000, 1_500_000, 9_000_000])
    if chance() < mood.garble:
        payload = payload[: random_.randint(0, len(payload) - 1)]
    yield plain._replace(at=at, payload=payload)
    if chance() < mood.duplicate:
        yield plain._replace(at=at + random_.choice([0, 1000, 1_200_000]), payload=payload)
    revised = dict(content)
    if "wait_ms" in revised:
        revised["wait_ms"] = random_.choice([0, 3000, 25_000])
    if "queue" in revised:
        revised["queue"] = random_.choice(QUEUES)
    later = at + random_.choice([0, 10_000, 120_000, 7_000_000])
    if chance() < mood.raise_version:
        higher = revised | {"version": random_.randint(1, 3)}
        yield plain._replace(at=later, payload=encode(higher))
    if chance() < mood.correct:
        mended = {"event_id": content["event_id"] + ":mended", "corrects": content["event_id"]}
        yield plain._replace(at=later, payload=encode(revised | mended))


def morning(
    seed: int,
    *,
    calls: int = 20,
    minutes: int = 40,
    mood: Mood | None = None,
    files: bool = True,
    configs: bool = True,
    tick_ms: int = 20_000,
) -> Scenario:
    """A morning of `calls` calls, the same for the same seed."""
    random_ = random.Random(seed)
    mood = mood or Mood()
    sent: list[Sent] = []
    everywhere: list[tuple[int, RecordKind, str, bytes]] = []
    begin_of: dict[str, int] = {}
    for number in range(calls):
        begin = START + random_.randint(0, minutes * 60_000)
        site = SITES[0] if random_.random() < 0.85 else SITES[1]
        contact_id = f"c{number}"
        events = call(random_, contact_id, site, begin)
        customer = events[-1].get("customer_id") or events[0].get("customer_id")
        subject = f"customer:{customer}" if customer else f"contact:{contact_id}"
        domain = LIVE
        if files and random_.random() < 0.3:
            domain = random_.choice(["file:a", "file:b"])
        begin_of[contact_id] = begin
        for content in events:
            occurred = int(datetime.fromisoformat(content["occurred_at"]).timestamp() * 1000)
            of = domain
            if files and random_.random() < 0.03:
                of = random_.choice([LIVE, "file:a", "file:b"])
            plain = Sent(occurred + 50, subject, of, encode(content))
            sent.extend(deliver(random_, mood, content, plain))
    last = START + (minutes + 10) * 60_000
    if files:
        sent, marks = _into_files(sent, last)
        everywhere.extend(marks)
    if configs:
        for site in SITES:
            for _ in range(random_.randint(0, 2)):
                at = START + random_.randint(-60_000, minutes * 60_000)
                level = {
                    "threshold_s": float(random_.choice([10, 20, 30])),
                    "target_pct": float(random_.choice([60, 80, 95])),
                }
                waiting = {"waiting_minutes": random_.choice([1, 3, 120])}
                settings = {"defaults": {"service_level": level}, "contact_timeouts": waiting}
                changed = configuration(site, at, **settings)
                everywhere.append((at, RecordKind.EVENT, LIVE, changed))
    latest = max([last, *(s.at for s in sent)])
    ticks = [*range(START, latest, tick_ms * max(1, (latest - START) // (150 * tick_ms)))]
    # Long after everything: so far that every timer has come due, in two steps.
    ticks += [latest + 3_600_000, latest + 20 * 3_600_000]
    sent.sort(key=lambda one: one.at)
    return Scenario(tuple(sent), tuple(ticks), everywhere=tuple(everywhere))


def _into_files(
    sent: Sequence[Sent], last: int
) -> tuple[list[Sent], list[tuple[int, RecordKind, str, bytes]]]:
    """What is in a file arrives when the file is read: file a in the middle, b towards the end."""
    reads = {"file:a": (START + (last - START) // 2), "file:b": last - 120_000}
    arriving: list[Sent] = []
    marks: list[tuple[int, RecordKind, str, bytes]] = []
    for domain, read_at in reads.items():
        lines = sorted((s for s in sent if s.domain == domain), key=lambda one: one.at)
        at = read_at
        for number, line in enumerate(lines):
            at = max(read_at + number * 700, line.at)
            arriving.append(line._replace(at=at))
            if number % 5 == 4:
                mark = str(line.at - LATENESS_MS).encode()
                marks.append((at + 1, RecordKind.TICK, domain, mark))
        marks.append((at + 2, RecordKind.END, domain, b""))
    return [*(s for s in sent if s.domain == LIVE), *arriving], marks
