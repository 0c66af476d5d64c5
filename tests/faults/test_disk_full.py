"""A disk fills up: a clear sentence, nothing lost, and the same command goes on when there is room.

A limit on the size of files can be set anywhere; a small disk only where we may mount one.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra import clickhouse
from tests.faults.support import Deployment, Views, assert_same
from tests.infra.support import wait_for

pytestmark = pytest.mark.faults
MIB = 1 << 20


def mount(*words: str | Path) -> bool:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, check=False)
    return done.returncode == 0


def may_mount() -> bool:
    """Whether this process may mount a file system, without trying on anything that matters."""
    libc = ctypes.CDLL(None, use_errno=True)
    cap_sys_admin = 21
    return libc.prctl(23, cap_sys_admin, 0, 0, 0) == 1 and os.geteuid() == 0


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], None]]:
    """Mount a disk of so many MiB, or give one that is mounted so many."""
    mounted: list[Path] = []

    def make(path: Path, mib: int) -> None:
        if path in mounted:
            assert mount("-o", f"remount,size={mib}m", path)
            return
        path.mkdir(parents=True)
        assert mount("-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", path)
        mounted.append(path)

    yield make
    for path in mounted:
        clickhouse.stop(path)
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_files_may_not_grow_any_more(
    day: Path, undisturbed: Callable[[Path], Views], deployment: Deployment
) -> None:
    assert deployment.run("db", "start").status == 0
    running = deployment.start_ingest(
        day, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
    )

    end = running.ended()

    assert end.status == 1
    assert end.err == (
        f"goldpan: no space for the log in {deployment.log} (File too large): nothing since the "
        "last commit was kept; make room and offer it again\n"
    )
    deployment.must_ingest(day)
    assert_same(deployment.views(), undisturbed(day))


if may_mount():

    @pytest.mark.torture
    def test_the_disk_of_the_log_is_full(
        day: Path,
        undisturbed: Callable[[Path], Views],
        deployment: Deployment,
        small_disk: Callable[[Path, int], None],
    ) -> None:
        small_disk(deployment.log, 1)

        end = deployment.ingest(day)

        assert end.status == 1
        assert end.err == (
            f"goldpan: no space for the log in {deployment.log} (No space left on device): nothing "
            "since the last commit was kept; make room and offer it again\n"
        )
        small_disk(deployment.log, 64)
        deployment.must_ingest(day)
        assert_same(deployment.views(), undisturbed(day))

    def test_the_disk_of_the_store_is_full(
        day: Path,
        undisturbed: Callable[[Path], Views],
        deployment: Deployment,
        small_disk: Callable[[Path, int], None],
    ) -> None:
        small_disk(deployment.store, 64)
        assert deployment.run("migrate").status == 0
        ballast = deployment.store / "ballast"
        fill(ballast)

        running = deployment.start_ingest(day)
        wait_for(lambda: "waiting for it" in running.said, timeout_s=60)
        assert running.lives_on(1)
        ballast.unlink()
        end = running.ended()

        assert end.status == 0
        begin, over = end.err.splitlines()
        assert "space" in begin
        assert begin.endswith("; nothing is lost, waiting for it")
        assert over == "the store is back"
        assert_same(deployment.views(), undisturbed(day))


def fill(path: Path) -> None:
    """Leave no space on the disk of a file."""
    with path.open("wb", buffering=0) as file:
        block = b"\0" * 4096
        try:
            while True:
                file.write(block)
        except OSError:
            return
