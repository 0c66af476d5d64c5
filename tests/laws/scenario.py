"""A seed flows in, a made-up morning at two small centres flows out, as the records of a log.

Calls of every shape, told by unreliable sources: events come late, twice, out of order, corrected,
with higher versions, cut to pieces; some calls come in files while others are live.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pipeline.config import canonical_json, content_hash
from pipeline.log.partition import shard_of
from schemas.records import LIVE, LogRecord, RecordKind
from schemas.site import SiteConfig
from tests.laws.mood import Mood
from tests.laws.scenario_sites import settings
from tests.laws.scenario_tasks import task
from tests.laws.scenario_tickets import ticket
from tests.laws.second_thoughts import revised_by
from tests.laws.staff import rings, shift

START = 1_700_000_000_000 - 1_700_000_000_000 % 60_000
SITES = ("demo", "other")
QUEUES = ("sales", "service")
LATENESS_MS = 2_000
OWNERS = ("contact_id", "task_id", "ticket_id", "escalation_id", "agent_id")


class Sent(NamedTuple):
    """One delivery: when it arrives (epoch ms), under which subject and domain, saying what."""

    at: int
    subject: str
    domain: str
    payload: bytes


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
            what = sent.domain, sent.subject, sent.payload
            moments.append((sent.at, number, shard, RecordKind.EVENT, *what))
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
        records: list[LogRecord] = []
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
    return {
        "event_type": event_type,
        "event_id": f"{contact_id}:{event_type}:{at - START}",
        "site": "demo",
        "source": "switch",
        "occurred_at": iso(at),
        "contact_id": contact_id,
        **fields,
    }


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
    story = _Call(random_, contact_id, site, begin)
    if story.enters():
        story.stays()
    return story.events


_SHAPES = {
    "is served": 8,
    "gives up": 6,
    "flows out": 2,
    "is handed on": 2,
    "asks to be called back": 1,
    "is not heard of again": 1,
}
"""What becomes of those who wait, and how often."""


class _Call:
    """A call as it unfolds."""

    def __init__(self, random_: random.Random, contact_id: str, site: str, begin: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._random, self._contact_id, self._at = random_, contact_id, begin
        self._about: dict[str, Any] = {"site": site}
        self._who: dict[str, Any] = {}
        if self._happens(0.8):
            self._who["customer_id"] = f"k{random_.randint(1, 4)}"
        if not self._happens(0.15):  # else the caller becomes known at the end
            self._about |= self._who

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def _pass(self, most_ms: int) -> None:
        self._at += self._random.randint(0, most_ms)

    def _tell(self, event_type: str, **fields: Any) -> None:
        about = self._about | {"event_id": f"{self._contact_id}:{len(self.events)}"}
        self.events.append(event(event_type, self._at, self._contact_id, **(about | fields)))

    def enters(self) -> bool:
        """What comes before the queue; whether the caller gets there."""
        if self._happens(0.3):
            self._tell("ivr.started")
            self._pass(20_000)
            self._tell("ivr.ended", ivr_ms=1000, contained=self._happens(0.2))
        if self._happens(0.05):
            self._tell("call.abandoned", wait_ms=500, phase="ivr")
            if self._happens(0.5):
                self._pass(100_000)
                self._tell("ivr.ended", ivr_ms=1000)
            return False
        if self._happens(0.05):
            self._tell("call.failed", wait_ms=0, reason="busy")
            return False
        return True

    def stays(self) -> None:
        """One stay in a queue, or two."""
        [shape] = self._random.choices(list(_SHAPES), list(_SHAPES.values()))
        for again in (True, False) if shape in {"flows out", "is handed on"} else (False,):
            here = {"queue": self._random.choice(QUEUES)}
            kind = self._random.choice(["complaint", "enquiry"])
            self._tell("call.queued", channel="phone", call_type=kind, **here)
            wait = self._random.choice([0, 500, 4000, 5000, 19_000, 20_000, 21_000, 45_000, 90_000])
            for rang in rings(self._random, here):
                self._tell("call.ringing", **rang)
            self._at += wait
            if shape == "flows out" and again:
                self._tell("call.flow_out", wait_ms=wait, **(here if self._happens(0.5) else {}))
            elif shape == "gives up":
                phase = self._random.choice(["queue", "ring"])
                self._tell("call.abandoned", wait_ms=wait, phase=phase)
            elif shape != "is not heard of again":
                if shape == "asks to be called back":
                    self._tell("call.callback", wait_ms=wait)
                    self._pass(10_000)
                    if self._happens(0.5):
                        self._tell("call.ended", talk_ms=0, ended_by="caller")
                    self._pass(100_000)
                self._talk(wait, again=again)

    def _talk(self, wait: int, *, again: bool) -> None:
        """An agent answers; `again` says that the caller is handed on to another queue."""
        agent = {"agent_id": f"a{self._random.randint(1, 2)}"}
        self._tell("call.answered", wait_ms=wait, team="t", **agent)
        self._pass(5_000)
        if self._happens(0.2):
            self._tell("call.held", **({} if self._happens(0.5) else {"hold_ms": 1000}))
        said = agent if self._happens(0.5) else {}
        if self._happens(0.1):
            self._tell("call.transferred", to_agent_id="a3")
            self._pass(1_000)
            self._tell("call.ended", talk_ms=3000, ended_by="agent", **said)
            agent = {"agent_id": "a3"}
            if self._happens(0.5):
                self._tell("call.answered", wait_ms=0, team="u", **agent)
            said = agent if self._happens(0.5) else {}
        if again:
            self._tell("call.transferred", to_queue="another")
            self._pass(1_000)
            if self._happens(0.5):
                self._tell("call.ended", talk_ms=4000, **said)
            return
        self._pass(200_000)
        talk_ms = self._random.randint(0, 90_000)
        by = self._random.choice(["agent", "customer"])
        if self._happens(0.7):
            self._who["topics"] = self._random.choice([["fee"], ["network"], ["fee", "network"]])
        held = {"hold_ms": 2000} if self._happens(0.3) else {}
        self._tell("call.ended", talk_ms=talk_ms, ended_by=by, **held, **said, **self._who)
        if self._happens(0.1):
            self._at += 3
            self._tell("call.held", hold_ms=2000)
        if self._happens(0.5):
            self._pass(30_000)
            self._tell("call.acw_ended", acw_ms=20_000, **agent)


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
    yield from revise(random_, mood, content, plain._replace(at=at))


def revise(
    random_: random.Random, mood: Mood, content: dict[str, Any], plain: Sent
) -> Iterator[Sent]:
    """What is said later that changes what an event has said; `plain` is its delivery."""
    chance = random_.random
    revised = revised_by(random_, content, QUEUES)
    later = plain.at + random_.choice([0, 10_000, 120_000, 7_000_000])
    if chance() < mood.raise_version:
        higher = revised | {"version": random_.randint(1, 3)}
        yield plain._replace(at=later, payload=encode(higher))
    if chance() < mood.correct:
        mended = {"event_id": content["event_id"] + ":mended", "corrects": content["event_id"]}
        yield plain._replace(at=later, payload=encode(revised | mended))
    if chance() < mood.move:  # another call, ticket or agent
        about = next(name for name in OWNERS if name in content)
        moved = {"version": random_.randint(1, 4), about: content[about] + "x"}
        yield plain._replace(at=later, payload=encode(revised | moved))
    if chance() < mood.circle:
        mended = {"event_id": content["event_id"] + ":mended", "corrects": content["event_id"]}
        back = {"version": 4, "corrects": mended["event_id"]}
        yield plain._replace(at=later, payload=encode(revised | mended))
        yield plain._replace(at=later, payload=encode(content | back))


def morning(
    seed: int,
    *,
    calls: int = 20,
    tickets: int = 4,
    agents: int = 3,
    minutes: int = 40,
    mood: Mood | None = None,
    files: bool = True,
    configs: bool = True,
    tick_ms: int = 20_000,
) -> Scenario:
    """A morning of some calls, tickets and shifts, the same for the same seed."""
    random_ = random.Random(seed)
    mood = mood or Mood()
    sent: list[Sent] = []
    everywhere: list[tuple[int, RecordKind, str, bytes]] = []
    subjects: dict[str, str] = {}
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
        subjects[contact_id] = subject
        for content in events:
            occurred = int(datetime.fromisoformat(content["occurred_at"]).timestamp() * 1000)
            of = domain
            if files and random_.random() < 0.03:
                of = random_.choice([LIVE, "file:a", "file:b"])
            plain = Sent(occurred + 50, subject, of, encode(content))
            sent.extend(deliver(random_, mood, content, plain))
    sent.extend(_tickets(random_, seed, (tickets, minutes), mood, subjects, files=files))
    sent.extend(_shifts(seed, agents, minutes, mood, files=files))
    last = START + (minutes + 10) * 60_000
    if files:
        sent, marks = _into_files(sent, last)
        everywhere.extend(marks)
    if configs:
        for site in SITES:
            for _ in range(random_.randint(0, 2)):
                at = START + random_.randint(-60_000, minutes * 60_000)
                calendars = random.Random(f"calendars {seed} {at}")
                changed = configuration(site, at, **settings(random_, calendars))
                everywhere.append((at, RecordKind.EVENT, LIVE, changed))
    latest = max([last, *(s.at for s in sent)])
    ticks = [*range(START, latest, tick_ms * max(1, (latest - START) // (150 * tick_ms)))]
    # Long after everything: so far that every timer has come due, in two steps.
    ticks += [latest + 3_600_000, latest + 30 * 3_600_000]
    sent.sort(key=lambda one: one.at)
    return Scenario(tuple(sent), tuple(ticks), everywhere=tuple(everywhere))


def _tickets(
    random_: random.Random,
    seed: int,
    size: tuple[int, int],
    mood: Mood,
    subjects: Mapping[str, str],
    *,
    files: bool,
) -> Iterator[Sent]:
    """What desks say: of customers, of a contact's ticket, or of nobody known; some have tasks.

    `size`: how many tickets in how many minutes; `subjects`: those of the contacts, by id.
    """
    for number in range(size[0]):
        begin = START + random_.randint(0, size[1] * 60_000)
        site = SITES[0] if random_.random() < 0.85 else SITES[1]
        who, subject = {}, f"ticket:t{number}"
        whose = random.Random(f"whose {seed} {number}")  # for life, however much else is told
        contact = f"c{whose.randrange(20)}"
        if whose.random() < 0.6:
            who = {"customer_id": f"k{whose.randint(1, 4)}"}
            subject = f"customer:{who['customer_id']}"
        elif contact in subjects and whose.random() < 0.6:
            who, subject = {"contact_id": contact}, subjects[contact]
        domain = random_.choice([LIVE, LIVE, "file:a"]) if files else LIVE
        story = ticket(random_, f"t{number}", site, begin)
        if number % 2:
            chance = random.Random(f"task {seed} {number}")
            story += task(chance, f"k{number}", f"t{number}", site, begin)
        for told in story:
            content = told | (who if told["event_type"].startswith("ticket.") else {})
            occurred = content.pop("occurred_ms")
            content["occurred_at"] = iso(occurred)
            for name in {"due", "legal_due", "received", "promised"} & content.keys():
                content[f"{name}_at"] = iso(content.pop(name))
            plain = Sent(occurred + 50, subject, domain, encode(content))
            yield from deliver(random_, mood, content, plain)


def _shifts(seed: int, agents: int, minutes: int, mood: Mood, *, files: bool) -> Iterator[Sent]:
    """What is told of the agents, live or in a file, with a chance of its own."""
    random_ = random.Random(f"agents {seed}")
    for number in range(agents):
        begin = START + random_.randint(0, minutes * 60_000 // 2)
        domain = random_.choice([LIVE, LIVE, LIVE, "file:a"]) if files else LIVE
        for content in shift(random_, f"a{number % 4}", SITES[number % 5 // 4], begin):
            content["event_id"] += f":{number}"
            told = int(datetime.fromisoformat(content["occurred_at"]).timestamp() * 1000)
            plain = Sent(told + 50, f"agent:{content['agent_id']}", domain, encode(content))
            yield from deliver(random_, mood, content, plain)


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
