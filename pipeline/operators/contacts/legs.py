"""An event as a contact keeps it flows in, one stay in a queue flows out."""

from __future__ import annotations

from typing import Literal

from pipeline.contribution import Cell
from pipeline.entity import Step, ms_of

Exit = Literal["", "answered", "abandoned", "flow_out", "callback", "failed"]


class Leg:
    """One stay in one queue, from entry to exit, with the talk that followed an answer.

    Instants are epoch ms (0 = not yet), durations ms (None = not said).
    """

    __slots__ = (
        "acw_at",
        "acw_ms",
        "agent_id",
        "callback_at",
        "ended_at",
        "ended_by",
        "exit",
        "exit_at",
        "hold_ms",
        "holding",
        "holds",
        "implied",
        "phase",
        "queue",
        "queue_cells",
        "queue_cells_known",
        "queued_at",
        "talk_ms",
        "team",
        "transfers",
        "wait_ms",
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
        self.holds = 0
        self.hold_ms = 0
        self.holding = False
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
    def completed_at(self) -> int:
        """When handling was complete: the end of after-call work, else of the talk; 0 if open."""
        return max(self.ended_at, self.acw_at) if self.ended_at else 0

    def leave(self, exit_: Exit, step: Step) -> None:
        """Close the stay in the queue; the switch's own wait is believed where it gives one."""
        self.exit = exit_
        self.exit_at = step.at
        wait = ms_of(step.fields, "wait_ms")
        self.wait_ms = max(0, step.at - self.queued_at) if wait is None else wait
