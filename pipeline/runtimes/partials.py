"""What shards publish flows in, messages of the topic `partials` flow out, and the same back again.

A partial goes to the partition of its site, a watermark and a configuration to every partition. A
message says up to which record its shard has published: one that says nothing new is passed over,
and one that repeats a part of what is known changes nothing in stage 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pipeline.contribution import Measure
from pipeline.log.partition import shard_of
from pipeline.operators.rows import Partial, RowKey
from pipeline.stage1.fold import Watermark

_MOST_ITEMS = 2_000
"""Items of one message: well below the largest record."""


class Message(msgspec.Struct, array_like=True, frozen=True):
    """What one shard publishes to one partition.

    `upto` is the revision up to which the shard has published with it; 0 where more follows.
    `configs` holds configurations by content hash, before the first partial that names them.
    """

    shard: int
    upto: int
    configs: dict[str, str]
    items: list[list[Any]]


_decoder = msgspec.json.Decoder(Message)


def encode(
    published: Iterable[Partial | Watermark],
    upto: Mapping[int, int],
    configs: Mapping[str, str],
    partitions: int,
) -> list[tuple[int, int, bytes]]:
    """Messages for what the shards of one process have published since the last flush.

    Args:
        published: in order.
        upto: by shard of the process, the revision that it has got to.
        configs: what has come into force since the last flush.
        partitions: of the topic.

    Returns:
        Shard, partition and content of each message; those of one shard in their order.
    """
    waiting: dict[tuple[int, int], list[list[Any]]] = {
        (shard, partition): [] for shard in upto for partition in range(partitions)
    }
    for item in published:
        if isinstance(item, Watermark):
            for partition in range(partitions):
                mark = [item.domain, item.watermark]
                _add_mark(waiting[item.shard, partition], mark)
        else:
            partition = shard_of(item.key.site, partitions)
            waiting[item.shard, partition].append(_flat(item))
    messages = []
    for (shard, partition), items in waiting.items():
        if not items and not configs:
            continue
        for start in range(0, max(1, len(items)), _MOST_ITEMS):
            is_last = start + _MOST_ITEMS >= len(items)
            message = Message(
                shard,
                upto[shard] if is_last else 0,
                dict(configs) if start == 0 else {},
                items[start : start + _MOST_ITEMS],
            )
            messages.append((shard, partition, msgspec.json.encode(message)))
    return messages


def decode(content: bytes) -> Message:
    """A message as it was.

    Raises:
        ValueError: it is none.
    """
    return _decoder.decode(content)


def items_of(message: Message) -> list[Partial | Watermark]:
    """The partials and watermarks of a message, in order."""
    return [
        Watermark(message.shard, *flat) if len(flat) == 2 else _partial(message.shard, flat)
        for flat in message.items
    ]


def _add_mark(items: list[list[Any]], mark: list[Any]) -> None:
    """Add a watermark; of two in a row of one domain, the later one says all."""
    if items and len(items[-1]) == 2 and items[-1][0] == mark[0]:
        items[-1] = mark
    else:
        items.append(mark)


def _flat(item: Partial) -> list[Any]:
    measures = [
        [measure, value] if isinstance(measure, str) else [*measure, value]
        for measure, value in item.measures.items()
    ]
    return [item.domain, item.stamp, list(item.key), item.revision, measures, item.rules]


def _partial(shard: int, flat: list[Any]) -> Partial:
    domain, stamp, (family, site, dims, minute, values), revision, pairs, rules = flat
    measures: dict[Measure, int] = {}
    for name, *rest in pairs:
        measures[(name, rest[0]) if len(rest) > 1 else name] = rest[-1]
    key = RowKey(family, site, dims, minute, tuple(values))
    return Partial(shard, domain, stamp, key, revision, measures, rules)
