"""What applying records leaves to be folded, in the order in which it happened."""

from __future__ import annotations

from pipeline.contribution import Add
from pipeline.operators.callers import CallerChange
from pipeline.operators.histories import HistoryChange
from pipeline.stage1.shard import ShardState

Passed = dict[str, str]
"""A watermark has passed the end of a minute, with these rules in force by site: publish."""

Step = tuple[ShardState, str, int, Add | CallerChange | HistoryChange | Passed]
"""The shard, the domain and its watermark (epoch ms) at that moment, and what happened."""
