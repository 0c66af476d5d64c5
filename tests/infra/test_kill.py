"""kill -9 at any time loses no acknowledged row and leaves no part of a batch."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from clickhouse_driver.errors import Error, ServerException

from infra import clickhouse
from tests.infra.support import client_of, wait_for

BATCH = 5_000
DDL = (
    "CREATE TABLE IF NOT EXISTS t (writer UInt8, batch UInt32, n UInt32, text String) "
    "ENGINE = MergeTree ORDER BY (writer, batch, n) SETTINGS fsync_after_insert = 1"
)


def write_until_killed(server: clickhouse.Server, writer: int, acknowledged: list[int]) -> None:
    """Insert batches, 1000 rows a block, until the connection breaks; note what was confirmed."""
    with client_of(server) as client:
        for batch in range(10_000):
            rows = [[writer] * BATCH, [batch] * BATCH, list(range(BATCH)), ["金" * 50] * BATCH]
            try:
                client.execute("INSERT INTO t VALUES", rows, columnar=True,
                               settings={"insert_block_size": 1000})  # fmt: skip
            except ServerException:
                raise
            except (Error, OSError, EOFError):
                return
            acknowledged.append(batch)


@pytest.mark.faults
def test_kill_9_while_three_clients_insert(data_dir: Path) -> None:
    total: set[tuple[int, int]] = set()
    for cycle in range(3):
        server = clickhouse.start(data_dir)
        with client_of(server) as client:
            client.execute(DDL)
        acknowledged: list[list[int]] = [[], [], []]
        threads = [
            threading.Thread(
                target=write_until_killed, args=(server, cycle * 3 + i, acknowledged[i])
            )
            for i in range(3)
        ]
        for thread in threads:
            thread.start()
        wait_for(lambda seen=acknowledged: sum(map(len, seen)) >= 20)  # type: ignore[misc]
        os.kill(server.pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
        total |= {(cycle * 3 + i, b) for i in range(3) for b in acknowledged[i]}

        after = clickhouse.start(data_dir)

        assert (after.port, after.password) == (server.port, server.password)
        assert after.pid != server.pid
        with client_of(after) as client:
            stored = client.execute(
                "SELECT writer, batch, count(), uniqExact(n) FROM t GROUP BY writer, batch"
            )
        assert {tuple(row[2:]) for row in stored} == {(BATCH, BATCH)}, "a part of a batch"
        assert total <= {tuple(row[:2]) for row in stored}, "an acknowledged batch is gone"


@pytest.mark.faults
def test_a_killed_server_is_noticed(data_dir: Path) -> None:
    server = clickhouse.start(data_dir)

    os.kill(server.pid, signal.SIGKILL)

    wait_for(lambda: clickhouse.status(data_dir) is None)
    again = clickhouse.start(data_dir)
    assert again.pid != server.pid
    assert again.url == server.url


@pytest.mark.faults
def test_a_server_that_hangs_is_killed_by_stop(data_dir: Path) -> None:
    server = clickhouse.start(data_dir)
    os.kill(server.pid, signal.SIGSTOP)

    with pytest.raises(
        clickhouse.EmbeddedServerError, match=f"process {server.pid}, which does not"
    ):
        clickhouse.start(data_dir, timeout_s=0.5)
    assert clickhouse.stop(data_dir, timeout_s=0.5) is True
    assert clickhouse.start(data_dir).pid != server.pid
