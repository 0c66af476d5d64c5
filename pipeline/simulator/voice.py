"""What happens flows in, events as JSON flow out.

The lines are built from templates, not from objects: a simulation of a thousand seats says millions
of things, and all but the texts are our own names and numbers, which need no escaping.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

SOURCES: Final = {
    "acd": ("call", "ivr", "agent"),
    "desk": ("ticket", "task", "escalation", "followup"),
    "feedback": ("survey", "quality", "social"),
    "operations": ("incident", "kb", "transcript", "customer"),
}
"""The systems that speak, and what about."""
_SOURCE_OF: Final = {family: name for name, families in SOURCES.items() for family in families}


class Voice:
    """Says things; `said` is what has not been taken away yet, with its instant in epoch ms.

    Args:
        site: stands in every event.
        tag: stands in every id, so that two simulations in one store do not meet.
    """

    __slots__ = ("_heads", "_minute", "_number", "_prefix", "_site", "kinds", "said", "tag")

    def __init__(self, site: str, tag: str) -> None:
        self.said: list[tuple[int, bytes]] = []
        self.tag = tag
        self.kinds: Counter[str] = Counter()
        """How many events of each type were said."""
        self._site = site
        self._heads: dict[str, str] = {}
        self._number = 0
        self._minute = -1
        self._prefix = ""

    def say(self, at: int, kind: str, fields: str) -> None:
        """Say an event; `fields` are its own ones, as JSON without the braces."""
        head = self._heads.get(kind)
        if head is None:
            head = self._heads[kind] = self._head(kind, _SOURCE_OF[kind.partition(".")[0]])
        self.kinds[kind] += 1
        self._put(at, head, fields)

    def beat(self, at: int) -> None:
        """Let every source say that it is alive, and how much it has sent."""
        for source, families in SOURCES.items():
            sent = sum(n for kind, n in self.kinds.items() if kind.partition(".")[0] in families)
            self._put(at, self._head("source.heartbeat", source), f'"seq":{sent}')
        self.kinds["source.heartbeat"] += len(SOURCES)

    def instant(self, at: int) -> str:
        """Return an instant as a field's value."""
        minute, rest = divmod(at, 60_000)
        prefix = self._prefix if minute == self._minute else _minute_text(minute)
        return f'"{prefix}{rest // 1000:02d}.{rest % 1000:03d}Z"'

    def _head(self, kind: str, source: str) -> str:
        return f'"event_type":"{kind}","site":"{self._site}","source":"{source}","occurred_at":"'

    def _put(self, at: int, head: str, fields: str) -> None:
        self._number += 1
        minute, rest = divmod(at, 60_000)
        if minute != self._minute:
            self._minute = minute
            self._prefix = _minute_text(minute)
        line = (
            f'{{"event_id":"{self.tag}-{self._number}",{head}{self._prefix}'
            f'{rest // 1000:02d}.{rest % 1000:03d}Z",{fields}}}'
        )
        self.said.append((at, line.encode()))


def quoted(text: str) -> str:
    """Return free text as JSON."""
    return msgspec.json.encode(text).decode()


def listed(names: Iterable[str]) -> str:
    """Return names of ours as a JSON list."""
    return "[" + ",".join(f'"{name}"' for name in names) + "]"


def _minute_text(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).isoformat()[:17]
