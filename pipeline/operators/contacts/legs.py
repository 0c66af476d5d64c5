"""An event as a contact keeps it flows in, one stay in a queue, or a ring unanswered, flows out."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pipeline.contribution import Cell
from pipeline.entity import Step, ms_of

Exit = Literal["", "answered", "abandoned", "flow_out", "callback", "failed"]


class Ring(NamedTuple):
    """That an agent's set stopped ringing unanswered, at `at` (epoch ms)."""

    at: int
    queue: str
    agent_id: str
    team: str


class Leg:
    """One stay in one queue, from entry to exit, with the talk that followed an answer.

    It may be talked to by several agents, one after the other: it is the first one's, and the talk,
    hold and after-call work of all of them are its.

    Instants are epoch ms (0 = not yet), durations ms (None = not said).
    """

    __slots__ = (
        "acw_at",
        "acw_ms",
        "agent_id",
        "agents",
        "callback_at",
        "ended_at",
        "ended_by",
        "enders",
        "exit",
        "exit_at",
        "held_ms",
        "holding",
        "holds",
        "hung_up_on_hold",
        "implied",
        "phase",
        "queue",
        "queue_cells",
        "queue_cells_known",
        "queued_at",
        "stated_hold_ms",
        "talk_ms",
        "team",
        "transfers",
        "wait_ms",
        "wrappers",
    )

    def __init__(self, queue: str, queued_at: int) -> None:
        self.queue = queue
        self.queued_at = queued_at
        self.implied = False
        """That its entry is inferred from its exit, and may yet be told."""
        self.exit: Exit = ""
        self.exit_at = 0
        self.wait_ms: int | None = None
        self.phase = ""
        self.agent_id = ""
        self.team = ""
        self.agents: tuple[str, ...] = ()
        """Who answered or called back, and who took over, as they did."""
        self.enders: tuple[str, ...] = ()
        """Whose talk has ended."""
        self.wrappers: tuple[str, ...] = ()
        """Whose after-call work has ended."""
        self.holds = 0
        self.held_ms = 0
        """By the events of the holds."""
        self.stated_hold_ms: int | None = None
        """By the ends of the talks, which are believed where there are any."""
        self.holding = False
        self.hung_up_on_hold = False
        """That the customer ended the last talk while on hold."""
        self.transfers = 0
        self.talk_ms: int | None = None
        self.ended_at = 0
        self.ended_by = ""
        self.acw_at = 0
        self.acw_ms: int | None = None
        self.callback_at = 0
        self.queue_cells: list[Cell] = []
        """What its stay in the queue counts as, once it has left; see `cells`."""
        self.queue_cells_known = 0

    @property
    def hold_ms(self) -> int:
        """All holds."""
        return self.held_ms if self.stated_hold_ms is None else self.stated_hold_ms

    @property
    def completed_at(self) -> int:
        """When handling was complete: the end of after-call work, else of the talk; 0 if open."""
        return max(self.ended_at, self.acw_at) if self.ended_at else 0

    def leave(self, exit_: Exit, step: Step) -> None:
        """Close the stay in the queue; the switch's own wait is believed where it gives one."""
        self.exit = exit_
        self.exit_at = step.at
        wait = ms_of(step.fields, "wait_ms")
        self.wait_ms = max(0, step.at - self.queued_at) if wait is None else wait
