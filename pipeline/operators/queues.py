"""Where live contacts stand flows in, how each queue stands flows out: who waits, who is served.

The gauges are derived, never counted up and down: a queue is the set of the contacts in it, so it
cannot fall below nothing, and after a restart the open contacts of the checkpoint make it anew.
A contact that is never heard of again leaves it when its deadline gives it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.entity import EntityKey, Standing


class QueueState(NamedTuple):
    """How a queue stands on one shard; `oldest_queued_at` is epoch ms, None if nobody waits."""

    site: str
    queue: str
    shard: int
    revision: int
    waiting: int
    talking: int
    oldest_queued_at: int | None


class Queues:
    """The queues of one shard."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._waiting: dict[tuple[str, str], dict[EntityKey, int]] = {}
        self._talking: dict[tuple[str, str], set[EntityKey]] = {}
        self._changed: dict[tuple[str, str], None] = {}

    def move(self, key: EntityKey, old: Iterable[Standing], new: Iterable[Standing]) -> None:
        """A contact stood in these queues and now stands in those."""
        for queue, waits_since in old:
            at = key.site, queue
            self._changed[at] = None
            if waits_since is None:
                self._talking.get(at, set()).discard(key)
            else:
                self._waiting.get(at, {}).pop(key, None)
        for queue, waits_since in new:
            at = key.site, queue
            self._changed[at] = None
            if waits_since is None:
                self._talking.setdefault(at, set()).add(key)
            else:
                self._waiting.setdefault(at, {})[key] = waits_since

    def changed(self, revision: int) -> Iterator[QueueState]:
        """The queues in which somebody moved since the last call of `settled`."""
        for at in self._changed:
            waiting = self._waiting.get(at, {})
            talking = len(self._talking.get(at, ()))
            oldest = min(waiting.values(), default=None)
            yield QueueState(*at, self._shard, revision, len(waiting), talking, oldest)

    def settled(self) -> None:
        """What `changed` said is in the store; empty queues are forgotten."""
        for at in self._changed:
            if not self._waiting.get(at):
                self._waiting.pop(at, None)
            if not self._talking.get(at):
                self._talking.pop(at, None)
        self._changed.clear()
