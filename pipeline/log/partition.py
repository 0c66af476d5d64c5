"""A routing key in, the number of its shard out: Kafka's default partitioner.

The embedded log and a Kafka topic place the same subject on the same shard, so a deployment can
move from one to the other, and a test of one speaks for the other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

with warnings.catch_warnings():
    # On import it calls a function of importlib that Python 3.11 and 3.12 call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    # It carries no types, and the strict checker refuses a plain import of such a module.
    _murmur2: Callable[[bytes], int] = import_module("kafka.partitioner.default").murmur2


def murmur2(key: bytes) -> int:
    """The hash that Kafka's Java client gives for a key, as a signed 32-bit number.

    Source: Austin Appleby, MurmurHash2 (2008), as in org.apache.kafka.common.utils.Utils.murmur2.

    >>> murmur2(b"foobar")
    -790332482
    """
    unsigned = _murmur2(key)
    return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned


# Bounded: some 10 MB at most. Hashing is pure Python, 4 us for a short key, and keys come in runs.
@lru_cache(maxsize=1 << 16)
def shard_of(subject: str, shards: int) -> int:
    """The shard of a subject: murmur2 of its UTF-8, made positive as Kafka does, modulo shards.

    Any string has a shard, the empty one too, and one with lone surrogates.

    >>> shard_of("foobar", 8)  # -790332482 & 0x7fffffff = 1357151166 = 8 * 169643895 + 6
    6
    """
    return (murmur2(subject.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF) % shards
