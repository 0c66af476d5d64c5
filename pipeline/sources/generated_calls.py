"""Days of a made-up centre flow in, what happens to each of its calls flows out.

Calls follow the hour and the weekday, callers come back, wait as long as they are patient, speak
with agents of the queue's team, and some are transferred, called back or lost. Where they wait,
and how long, follows from who is free: nothing is drawn that can be worked out.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import accumulate
from math import ceil, log, sqrt
from typing import Any, Final

SOURCE: Final = "generated"
HOUR_MS: Final = 3_600_000
RECENT: Final = 400
"""Callers who may soon call again."""

_HOURS: Final = (
    *(2, 1, 1, 1, 1, 2, 6, 18, 52, 84, 95, 88),
    *(58, 60, 82, 84, 76, 60, 36, 28, 24, 18, 10, 5),
)
"""How the calls of a day spread over its hours."""
WEEKDAYS: Final = (1.2, 1.08, 1.02, 1.0, 1.04, 0.88, 0.78)
"""How busy each day of the week is, Monday first."""
_REGIONS: Final = ("north", "east", "south", "west", "central")
_CHANNELS: Final = ("phone",) * 22 + ("chat",) * 2 + ("wechat",)


@dataclass(frozen=True)
class Queue:
    """A queue and its team. `share` of all calls come here; durations are means in seconds."""

    name: str
    share: float
    talk_s: float
    work_s: float
    products: tuple[str, ...]
    priority: str = "normal"


QUEUES: Final = (
    Queue("general", 0.40, 165, 25, ("account", "delivery", "store")),
    Queue("billing", 0.22, 210, 40, ("account", "card")),
    Queue("technical", 0.20, 290, 45, ("app", "router")),
    Queue("complaints", 0.10, 330, 75, ("delivery", "card", "router")),
    Queue("vip", 0.05, 240, 40, ("card", "account"), "high"),
    Queue("callback", 0.03, 150, 20, ("account",)),
)


@dataclass(slots=True)
class _Call:
    """A call on its way through the centre: what its events carry, and who is calling."""

    number: str
    who: dict[str, str]
    patience_ms: int
    channel: str
    region: str


class CallFloor:
    """Simulates day after day; who is busy at midnight is busy the next morning too."""

    def __init__(self, seed: int, site: str, callers: int) -> None:
        self._seed = seed
        self._site = site
        self._callers = callers
        self._expected = 0.0
        self._rng = random.Random(f"{seed}:start")
        self._free_at: dict[str, list[int]] = {}
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._events: list[tuple[int, int, dict[str, Any]]] = []
        self._said = 0
        self._entries: list[tuple[int, int, _Call, Queue, bool]] = []

    def day(self, name: str, begin: int, count: int, expected: float) -> Iterator[dict[str, Any]]:
        """Simulate one day of `count` calls, staffed for `expected`, and yield it to its end."""
        self._expected = expected
        self._rng = random.Random(f"{self._seed}:{name}")
        hours = list(accumulate(_HOURS))
        starts = sorted(
            begin + round(HOUR_MS * (hour + self._rng.random()))
            for hour in self._rng.choices(range(24), cum_weights=hours, k=count)
        )
        for number, at in enumerate(starts):
            self._arrive(at, f"{name}-{number:05d}")
        # Callers enter queues in order of time, whenever they called and wherever they were before.
        while self._entries:
            at, _, call, queue, is_transfer = heapq.heappop(self._entries)
            self._wait(at, call, queue, (at - begin) / HOUR_MS, is_transfer=is_transfer)
        end = begin + 24 * HOUR_MS
        while self._events and self._events[0][0] < end:
            yield heapq.heappop(self._events)[2]

    def rest(self) -> Iterator[dict[str, Any]]:
        """What happens after the last midnight."""
        while self._events:
            yield heapq.heappop(self._events)[2]

    # -- one call ---------------------------------------------------------------------------

    def _arrive(self, at: int, number: str) -> None:
        rng = self._rng
        patience_ms = round(-240_000 * log(1 - rng.random())) + 2_000
        call = _Call(
            number, self._caller(), patience_ms, rng.choice(_CHANNELS), rng.choice(_REGIONS)
        )
        queue = rng.choices(QUEUES, [q.share for q in QUEUES])[0]
        if queue.name == "callback" and rng.random() < 0.5:
            self._call_out(at, call, queue)
            return
        self._say(at, call, "ivr.started", menu="main")
        ivr_ms = rng.randint(8_000, 55_000)
        at += ivr_ms
        if rng.random() < 0.02:
            self._say(at, call, "call.abandoned", wait_ms=0, phase="ivr")
            return
        contained = rng.random() < 0.10
        self._say(at, call, "ivr.ended", ivr_ms=ivr_ms, contained=contained)
        if not contained:
            self._enter(at, call, queue)

    def _enter(self, at: int, call: _Call, queue: Queue, *, is_transfer: bool = False) -> None:
        self._said += 1
        heapq.heappush(self._entries, (at, self._said, call, queue, is_transfer))

    def _wait(self, at: int, call: _Call, queue: Queue, hour: float, *, is_transfer: bool) -> None:
        """Wait in a queue until somebody is free, or something else happens first."""
        rng = self._rng
        kind = "transfer" if is_transfer else "enquiry"
        self._queued(at, call, queue, "inbound", kind=kind)
        if rng.random() < 0.003:
            self._say(at + 400, call, "call.failed", queue=queue.name, reason="no route")
            return
        agent, free_at = self._next_agent(queue, at, hour)
        rings_at = max(at + 300, free_at)
        answer_at = rings_at + rng.randint(1_500, 5_000)
        if rings_at - at > 90_000 and rng.random() < 0.25:
            self._call_back(at, call, queue)
        elif rings_at - at > 150_000 and queue.name == "general" and rng.random() < 0.5:
            self._say(
                at + 150_000,
                call,
                "call.flow_out",
                queue=queue.name,
                wait_ms=150_000,
                to_queue="partner",
                reason="overflow",
            )
        elif answer_at - at > call.patience_ms:
            gone_at = at + call.patience_ms
            phase = "ring" if gone_at > rings_at else "queue"
            if phase == "ring":
                self._say(rings_at, call, "call.ringing", agent_id=agent)
            self._say(
                gone_at,
                call,
                "call.abandoned",
                queue=queue.name,
                wait_ms=call.patience_ms,
                phase=phase,
            )
        else:
            self._say(rings_at, call, "call.ringing", agent_id=agent)
            self._talk(answer_at, answer_at - at, call, queue, agent, may_transfer=not is_transfer)

    def _talk(
        self, at: int, wait_ms: int, call: _Call, queue: Queue, agent: str, *, may_transfer: bool
    ) -> None:
        rng = self._rng
        team = f"team-{queue.name}"
        by = {"queue": queue.name, "agent_id": agent, "team": team}
        self._say(at, call, "call.answered", wait_ms=wait_ms, **by)
        talk_ms = self._duration(queue.talk_s)
        hold_ms = hangs_up = 0
        if rng.random() < 0.15:
            hold_ms = self._duration(35)
            hangs_up = rng.random() < 0.04
            holds_at = at + talk_ms // 2
            self._say(holds_at, call, "call.held", agent_id=agent)
            if hangs_up:
                talk_ms //= 2
            else:
                self._say(holds_at + hold_ms, call, "call.held", agent_id=agent, hold_ms=hold_ms)
        end_at = at + talk_ms + hold_ms
        passed_on = may_transfer and not hangs_up and rng.random() < 0.06
        if passed_on or rng.random() < 0.03:
            goal = rng.choice([q for q in QUEUES if q.name not in {queue.name, "callback"}])
            to = {"to_queue": goal.name} if passed_on else {"consult": True}
            self._say(end_at, call, "call.transferred", agent_id=agent, **to)
        ended_by = "customer" if hangs_up or rng.random() < 0.7 else "agent"
        ending = {"talk_ms": talk_ms, "hold_ms": hold_ms, "ended_by": ended_by}
        self._say(end_at, call, "call.ended", **by, **ending)
        acw_ms = self._duration(queue.work_s)
        self._say(end_at + acw_ms, call, "call.acw_ended", agent_id=agent, team=team, acw_ms=acw_ms)
        self._free_at[queue.name][int(agent.rpartition("-")[2]) - 1] = end_at + acw_ms
        if passed_on:
            self._enter(end_at + 500, call, goal, is_transfer=True)

    def _call_back(self, at: int, call: _Call, queue: Queue) -> None:
        """The caller asks to be called back and hangs up; most are reached later."""
        rng = self._rng
        asked_at = at + rng.randint(45_000, 85_000)
        due = {"requested_at": _iso(asked_at), "due_at": _iso(asked_at + 2 * HOUR_MS)}
        self._say(asked_at, call, "call.callback", queue=queue.name, wait_ms=asked_at - at, **due)
        self._say(asked_at + 900, call, "call.ended", talk_ms=0, ended_by="caller")
        if rng.random() < 0.9:
            reached_at = asked_at + rng.randint(600_000, 5_400_000)
            talk_ms = self._duration(queue.talk_s)
            by = {"agent_id": f"callback-{rng.randint(1, 3):02d}", "team": "team-callback"}
            self._say(reached_at, call, "call.answered", wait_ms=0, **by)
            end_at = reached_at + talk_ms
            self._say(end_at, call, "call.ended", talk_ms=talk_ms, **by)
            acw_ms = self._duration(queue.work_s)
            self._say(end_at + acw_ms, call, "call.acw_ended", acw_ms=acw_ms, **by)

    def _call_out(self, at: int, call: _Call, queue: Queue) -> None:
        """An agent calls a customer: dialled, answered, done."""
        agent = f"callback-{self._rng.randint(1, 3):02d}"
        by = {"queue": queue.name, "agent_id": agent, "team": "team-callback"}
        dial_ms = self._rng.randint(4_000, 25_000)
        talk_ms, acw_ms = self._duration(queue.talk_s), self._duration(queue.work_s)
        self._queued(at, call, queue, "outbound", kind="follow_up")
        self._say(at + dial_ms, call, "call.answered", wait_ms=dial_ms, **by)
        end_at = at + dial_ms + talk_ms
        self._say(end_at, call, "call.ended", talk_ms=talk_ms, ended_by="customer", **by)
        self._say(end_at + acw_ms, call, "call.acw_ended", agent_id=agent, acw_ms=acw_ms)

    # -- who, and how long ------------------------------------------------------------------

    def _caller(self) -> dict[str, str]:
        """Somebody who called lately, or anybody; few withhold their number."""
        rng = self._rng
        if self._recent and rng.random() < 0.14:
            who = rng.choice(self._recent)
        else:
            who = rng.randrange(self._callers)
        self._recent.append(who)
        if rng.random() < 0.04:
            return {}
        phone = blake2b(f"{self._seed}:{who}".encode(), digest_size=12).hexdigest()
        known = {"customer_id": f"C{who:07d}"} if who % 10 < 7 else {}
        return known | {"phone_hash": phone}

    def _next_agent(self, queue: Queue, at: int, hour: float) -> tuple[str, int]:
        """Who of those on duty is free first, and when.

        As many are on duty as the load needs and a margin that grows with its square root (Halfin
        and Whitt, "Heavy-traffic limits for queues with many exponential servers", 1981).
        """
        share = _HOURS[int(hour) % 24] / sum(_HOURS)
        load = self._expected * queue.share * share * (queue.talk_s + queue.work_s + 10) / 3600
        on_duty = max(1, ceil(load + 0.6 * sqrt(load)))
        free_at = self._free_at.setdefault(queue.name, [])
        free_at.extend([0] * (on_duty - len(free_at)))
        number = min(range(on_duty), key=lambda n: (max(at, free_at[n]), n))
        return f"{queue.name}-{number + 1:02d}", free_at[number]

    def _duration(self, mean_s: float) -> int:
        """Durations are log-normal, as talk times of call centres are found to be."""
        return max(1_000, round(1000 * self._rng.lognormvariate(log(mean_s) - 0.32, 0.8)))

    # -- what is said -----------------------------------------------------------------------

    def _queued(self, at: int, call: _Call, queue: Queue, direction: str, *, kind: str) -> None:
        self._say(
            at,
            call,
            "call.queued",
            queue=queue.name,
            channel=call.channel,
            direction=direction,
            call_type=kind,
            priority=queue.priority,
            region=call.region,
            product=queue.products[len(call.number + call.region) % len(queue.products)],
        )

    def _say(self, at: int, call: _Call, event_type: str, **fields: Any) -> None:
        self._said += 1
        event = {
            "event_id": f"{call.number}:{self._said}",
            "event_type": event_type,
            "site": self._site,
            "source": SOURCE,
            "occurred_at": _iso(at),
            "contact_id": call.number,
            **call.who,
            **fields,
        }
        heapq.heappush(self._events, (at, self._said, event))


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
