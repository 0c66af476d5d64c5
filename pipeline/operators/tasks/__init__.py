"""Task events flow in, tasks flow out: who had each for how long, when it was due, who was urged.

`fact` reads a task's steps, `cells` says what it counts as, `state` declares the family of entities
and writes its row.
"""

from __future__ import annotations

from pipeline.operators.tasks.fact import TaskFact
from pipeline.operators.tasks.state import Task

__all__ = ["Task", "TaskFact"]
