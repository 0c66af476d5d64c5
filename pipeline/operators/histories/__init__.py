"""What happened to one customer flows in, what follows what flows out: repeats, chains, outcomes.

`history` holds a customer's entries, `contacts` and `tickets` say what they count as.
"""

from __future__ import annotations

from pipeline.operators.histories.history import MAX_ENTRIES, History, HistoryChange

__all__ = ["MAX_ENTRIES", "History", "HistoryChange"]
