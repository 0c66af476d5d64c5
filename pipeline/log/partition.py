"""A routing key in, the number of its shard out: Kafka's default partitioner.

The embedded log and a Kafka topic place the same subject on the same shard, so a deployment can
move from one to the other, and a test of one speaks for the other.
"""

from __future__ import annotations

from functools import lru_cache
from struct import iter_unpack

_SEED, _MIX, _MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """The hash that Kafka's Java client gives for a key, as a signed 32-bit number.

    Ours, as every new contact is hashed once at the edge and this takes a fifth of the time of
    kafka-python's, which a test holds it against.

    Source: Austin Appleby, MurmurHash2 (2008), as in org.apache.kafka.common.utils.Utils.murmur2.

    >>> murmur2(b"foobar")
    -790332482
    """
    whole = len(key) & ~3
    h = _SEED ^ len(key)
    for (word,) in iter_unpack("<I", key[:whole]):
        k = word * _MIX & _MASK
        h = h * _MIX & _MASK ^ (k ^ k >> 24) * _MIX & _MASK
    if tail := key[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * _MIX & _MASK
    h = (h ^ h >> 13) * _MIX & _MASK
    h ^= h >> 15
    return h - (1 << 32) if h >= 1 << 31 else h


# Bounded: some 10 MB at most. Keys come in runs.
@lru_cache(maxsize=1 << 16)
def shard_of(subject: str, shards: int) -> int:
    """The shard of a subject: murmur2 of its UTF-8, made positive as Kafka does, modulo shards.

    Any string has a shard, the empty one too, and one with lone surrogates.

    >>> shard_of("foobar", 8)  # -790332482 & 0x7fffffff = 1357151166 = 8 * 169643895 + 6
    6
    """
    return (murmur2(subject.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF) % shards
