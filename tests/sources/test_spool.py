"""Payloads come out by their times, from the disk and not from memory, or a full disk is said."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.sources.spool import Spool

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20


@given(items=st.lists(st.tuples(st.integers(-(2**62), 2**62), st.binary(max_size=4))))
def test_the_order_is_that_of_the_times_and_then_of_arrival(items: list[tuple[int, bytes]]) -> None:
    with Spool() as spool:
        for item in items:
            spool.put([item])
        assert list(spool.in_order()) == [
            payload for _, payload in sorted(items, key=lambda i: i[0])
        ]


def test_what_waits_takes_no_memory() -> None:
    """128 MiB pass through a process that grows by less than half of that."""
    script = """
import resource
from pipeline.sources.spool import Spool
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
before, size = peak(), 0
with Spool() as spool:
    spool.put((i * 7919 % 131072, b"x" * 1024) for i in range(131072))
    for payload in spool.in_order():
        size += len(payload)
print(size, peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    size, grown = map(int, done.stdout.split())
    assert size == 128 * MIB
    assert grown < 64 * MIB


def test_a_disk_without_room_is_said() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        with Spool() as spool, pytest.raises(InputError, match="no room for temporary files"):
            spool.put((0, b"x" * 1024) for _ in range(64 * 1024))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
