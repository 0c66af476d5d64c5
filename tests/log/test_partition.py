"""Keys of Kafka's Java client in, its hashes out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.log.partition import murmur2, shard_of

with warnings.catch_warnings():
    # On import it calls a function of importlib that Python 3.11 and 3.12 call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    # It carries no types, and the strict checker refuses a plain import of such a module.
    python_clients: Callable[[bytes], int] = import_module("kafka.partitioner.default").murmur2

# org.apache.kafka.common.utils.UtilsTest.testMurmur2
JAVA = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), JAVA.items())
def test_hash_is_kafkas(key: str, expected: int) -> None:
    assert murmur2(key.encode()) == expected


def test_shard_is_the_positive_hash_modulo_shards() -> None:
    # -973932308 & 0x7fffffff = 1173551340 = 8 * 146693917 + 4
    assert shard_of("21", 8) == 4
    assert shard_of("abc", 8) == 479470107 % 8
    assert shard_of("abc", 1) == 0


@given(st.binary(max_size=200))
def test_hash_is_that_of_the_python_client(key: bytes) -> None:
    assert murmur2(key) & 0xFFFFFFFF == python_clients(key)


@given(st.text(st.characters()), st.integers(1, 1024))
def test_any_subject_has_a_shard(subject: str, shards: int) -> None:
    assert 0 <= shard_of(subject, shards) < shards


def test_subjects_that_are_not_utf8_have_a_shard() -> None:
    assert 0 <= shard_of("\ud800", 8) < 8


def test_remembered_subjects_are_bounded() -> None:
    assert shard_of.cache_info().maxsize == 65536
