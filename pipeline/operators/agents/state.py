"""One agent's reports flow in one by one; spans, cells and the present state flow out.

An agent is never over, so unlike a contact he is not kept whole: the oldest reports are let go once
there are too many, and what they counted stays as it is. A report from before that is refused: it
can be sent as a file, for each file has agents of its own.

Only whole minutes are counted, and only once the watermark has passed their end. So a change of
state in the middle of a minute costs nothing, and a heartbeat next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Self, cast

import msgspec

from pipeline.contribution import Cell
from pipeline.entity import Entity, EntityKey, Fields, Step, Value, text_of
from pipeline.operators.agents.cells import MEASURES, minutes
from pipeline.operators.agents.reports import (
    Reports,
    content,
    hold_end,
    since_of,
    spans,
    start_of,
    state_of,
)
from pipeline.site_rules import SiteRules
from pipeline.timeline import MINUTE_MS, minute_of
from schemas.agent_states import normalise
from schemas.events import Event, epoch_ms
from schemas.events.agents import AgentState

_ALL: Final = -(2**62)


class Agent(Entity[Reports]):
    """The reports on one agent that may yet be revised, and what follows from them."""

    family = "agent"
    types: ClassVar[Mapping[str, int]] = {"agent.state": 0}
    reads: ClassVar = {}
    follows_rules = True
    own_in_each_domain = True
    kept: ClassVar = 600
    """Reports that are kept; when there are more, the oldest fourth is let go."""

    __slots__ = ("_counted", "_stale_from", "settled_to")

    def __init__(self, site: str, id_: str, shard: int, subject: str, rules: SiteRules) -> None:
        super().__init__(site, id_, shard, subject, rules)
        self.settled_to = _ALL
        """What lies before this minute can no longer be revised, epoch ms."""
        self._counted: dict[int, tuple[Cell, ...]] = {}
        """The cells of each minute since then, in order."""
        self._stale_from = _ALL

    @classmethod
    def ids_of(cls, event: Event) -> tuple[str]:
        """See `Entity.ids_of`."""
        return (cast(AgentState, event).agent_id,)

    def begin(self) -> Reports:
        """See `Entity.begin`."""
        return Reports()

    def say(self, event: Event) -> Fields:
        """The state by our name for it, and for how long its source is believed."""
        told = cast(AgentState, event)
        state, reason = normalise(told.state, told.reason or "")
        return content(
            state,
            reason,
            told.team or "",
            tuple(told.queues or ()),
            since=None if told.since is None else epoch_ms(told.since),
            hold_ms=self.rules.state_timeout_ms(told.source),
        )

    def refusal(self, event: Event) -> str:
        """See `Entity.refusal`."""
        oldest = self.fact.said[:1]
        base = oldest[0].event_id if oldest and oldest[0].at < self.settled_to else ""
        if event.occurred_ms < self.settled_to or base in {event.event_id, event.corrects}:
            return (
                f"it is older than the last {self.kept} reports on agent {self.own_id!r}, which "
                "are counted for good: send it as a file ('goldpan ingest') to have it counted"
            )
        if len(self.steps) >= 4 * self.kept and event.event_id not in self.steps:
            return (
                f"{len(self.steps)} reports on agent {self.own_id!r} came before a minute had "
                "passed: check that the source gives each agent an id of its own, and send again"
            )
        return ""

    def apply(self, event: Event, domain: str, revision: int) -> None:
        """See `Entity.apply`."""
        if len(self.steps) >= self.kept:
            self._let_go()
        fact = self.fact
        last_at = fact.said[-1].at if fact.said else _ALL
        super().apply(event, domain, revision)
        # Read in order, it changes nothing before the report in front of it.
        self._stale_from = min(self._stale_from, last_at if self.fact is fact else _ALL)

    def withdraw(self, event_id: str, revision: int) -> None:
        """See `Entity.withdraw`."""
        self._stale_from = _ALL
        super().withdraw(event_id, revision)

    def settle(self) -> None:
        """See which minute is to be counted next, and whether the last report is still believed."""
        fact = self.fact
        last = fact.said[-1]
        ends = 0 if text_of(last.fields, "state") == "offline" else hold_end(last)
        fact.unknown = bool(ends) and ends <= self.passed
        dues = [ends] if ends > self.passed else []
        for span in spans(fact.said, max(minute_of(self.passed), self.settled_to)):
            if span.state in MEASURES:
                dues.append(minute_of(span.start) + MINUTE_MS)
                break
        self.due = min(dues, default=None)
        fact.open = self.due is not None
        if not fact.open:
            # All is counted: nothing depends any longer on when the timers fired.
            end = ends or start_of(fact.said, len(fact.said) - 1)[0]
            self.passed = max(-(-end // MINUTE_MS) * MINUTE_MS, self.settled_to)

    def pass_deadline(self, due: int, revision: int) -> None:
        """See `Entity.pass_deadline`."""
        self._stale_from = min(self._stale_from, minute_of(self.passed))
        super().pass_deadline(due, revision)

    def count(self) -> list[Cell]:
        """See `Entity.count`: every minute that has passed, as far as it may be revised."""
        counted, old = self._counted, {}
        begin = max(minute_of(self._stale_from), self.settled_to)
        end = self._stale_from = minute_of(self.passed)
        while counted and (minute := next(reversed(counted))) >= begin:
            old[minute] = counted.pop(minute)
        if begin < end:
            new = minutes(self.site, self.own_id, spans(self.fact.said, begin), end)
            for minute, cells in new.items():
                known = old.get(minute, ())
                same = len(known) == len(cells) and all(map(Cell.same, known, cells))
                counted[minute] = known if same else cells
        return [cell for cells in counted.values() for cell in cells]

    def row(self) -> tuple[Any, ...]:
        """See `Entity.row`. While he is open his state is in the checkpoint and nowhere else."""
        fact = self.fact
        head = (self.site, self.id, self.shard, self.revision, self.own_id, self.domain)
        if not fact.said:  # all that was told tells of another agent now
            return (*head, "", "", "", [], 0, 0, 0, self.snapshot())
        last = fact.said[-1]
        state, reason = ("unknown", "") if fact.unknown else state_of(last)
        return (
            *head,
            state,
            reason,
            text_of(last.fields, "team"),
            list(cast(tuple[str, ...], last.fields.get("queues", ()))),
            fact.since,
            last.at,
            len(self.steps),
            "" if fact.open else self.snapshot(),
        )

    # -- keeping it small -------------------------------------------------------------------

    def _let_go(self) -> None:
        """Forget the oldest reports, all but the one in force where the others begin.

        Their minutes are counted, or else nothing can be let go yet.
        """
        said = self.fact.said
        until = minute_of(min(said[len(said) // 4].at, self.passed))
        before = [step for step in said if step.at < until]
        if len(before) < 2:
            return
        base = before[-1]
        gone = {step.event_id for step in self.steps.values() if step.at < until}
        # What a correction that goes had replaced must not come to life again.
        gone |= {self.steps[id_].corrects for id_ in gone}
        gone.discard(base.event_id)
        since = since_of(before, len(before) - 1)
        for id_ in gone:
            self.steps.pop(id_, None)
        fields = _content({**base.fields, "since": since})
        self.steps[base.event_id] = base._replace(fields=fields, corrects="")
        self.settled_to = until
        for minute in [minute for minute in self._counted if minute < until]:
            del self._counted[minute]
        self.cells = [cell for cell in self.cells if cell.minute >= until]
        self._corrected = any(step.corrects for step in self.steps.values())
        self._read_again()

    def snapshot(self) -> str:
        """The whole state as JSON: what heartbeats repeat is written once."""
        contents: dict[tuple[tuple[str, Value], ...], int] = {}
        written: list[Fields] = []
        steps: list[list[Any]] = []
        for step in sorted(self.steps.values(), key=lambda step: step[:3]):
            place = contents.setdefault(tuple(step.fields.items()), len(written))
            if place == len(written):
                written.append(step.fields)
            extra = [step.version, step.corrects] if step.version or step.corrects else []
            steps.append([step.at, step.event_id, place, *extra])
        state = [self.subject, self.domain, self.rules.version, self.passed, self.settled_to]
        return msgspec.json.encode([*state, written, steps]).decode()

    @classmethod
    def restore(
        cls,
        key: EntityKey,
        shard: int,
        state: str,
        rules: Callable[[str], SiteRules],
        *,
        revision: int,
    ) -> Self:
        """The agent that `snapshot` described; `rules` finds a configuration by its version."""
        saved: list[Any] = msgspec.json.decode(state)
        subject, domain, version, passed, settled_to, written, steps = saved
        agent = cls(key.site, key.id, shard, subject, rules(version))
        agent.revision, agent.domain = revision, domain
        agent.passed, agent.settled_to = passed, settled_to
        contents = [_content(fields) for fields in written]
        for at, event_id, place, *extra in steps:
            step_version, corrects = extra or (0, "")
            agent.steps[event_id] = Step(at, 0, event_id, step_version, corrects, contents[place])
        agent._corrected = any(step.corrects for step in agent.steps.values())
        agent._read_again()
        return agent


def _content(fields: Mapping[str, Any]) -> Fields:
    return content(
        fields["state"],
        fields.get("reason", ""),
        fields.get("team", ""),
        tuple(fields.get("queues", ())),
        since=fields.get("since"),
        hold_ms=fields["hold_ms"],
    )
