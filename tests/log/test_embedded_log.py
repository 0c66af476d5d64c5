"""Records in, the same records out; positions, bounds, segments and retention."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import LogError, LogInUse
from pipeline.log.embedded import EmbeddedLog, LogPosition
from schemas.records import LIVE, LogRecord, RecordKind

ROOT = Path(__file__).parents[2]


def event(
    offset: int, payload: bytes = b'{"n":1}', *, shard: int = 0, subject: str = "customer:1"
) -> LogRecord:
    """An event that came in at its offset in milliseconds."""
    return LogRecord(shard, offset, RecordKind.EVENT, offset, LIVE, subject, payload)


def append(log: EmbeddedLog, records: Iterable[LogRecord]) -> list[int]:
    """Append records without a commit; returns the offsets given."""
    return [
        log.append(
            record.shard,
            record.kind,
            record.ingest_ms,
            domain=record.domain,
            subject=record.subject,
            payload=record.payload,
        )
        for record in records
    ]


def everything(log: EmbeddedLog, limit: int = 10_000, max_bytes: int = 4 << 20) -> list[LogRecord]:
    """All committed records."""
    records: list[LogRecord] = []
    position = log.begin
    while True:
        some, position = log.read(position, limit, max_bytes)
        if not some:
            return records
        records += some


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log"


def test_reads_back_what_was_committed(directory: Path) -> None:
    given_records = [
        event(0, b'{"a":1}', shard=3),
        LogRecord(7, 0, RecordKind.TICK, 1_700_000_000_000, LIVE, "", b""),
        LogRecord(3, 1, RecordKind.END, -1, "file-2019", "", b""),
        event(1, b"\0\0a\0", shard=7, subject="customer:\0"),
        event(2, b'"\xe6\x8a\x95\xe8\xaf\x89"', shard=3, subject="客户:张三"),
        event(3, b"\xff" * 5_000_000, shard=3, subject="\ud800"),
    ]
    with EmbeddedLog.open(directory) as log:
        assert append(log, given_records) == [0, 0, 1, 1, 2, 3]
        log.commit()
        assert everything(log) == given_records
        assert log.next_offsets == (0, 0, 0, 4, 0, 0, 0, 2)
    with EmbeddedLog.open(directory) as log:
        assert everything(log) == given_records
        assert log.next_offsets == (0, 0, 0, 4, 0, 0, 0, 2)
        assert log.recovered_bytes == 0


def test_readers_see_nothing_before_the_commit(directory: Path) -> None:
    with EmbeddedLog.open(directory) as log:
        append(log, [event(0)])
        assert log.read(log.begin) == ([], log.begin)
        assert log.uncommitted_bytes > 0
        end = log.commit()
        assert log.read(log.begin) == ([event(0)], end)
        assert log.read(end) == ([], end)
        assert log.uncommitted_bytes == 0


def test_close_drops_what_was_not_committed(directory: Path) -> None:
    with EmbeddedLog.open(directory) as log:
        append(log, [event(0)])
        log.commit()
        append(log, [event(1, b"lost")])
    with EmbeddedLog.open(directory) as log:
        assert append(log, [event(1)]) == [1]
        log.commit()
        assert everything(log) == [event(0), event(1)]


def test_an_empty_commit_changes_nothing(directory: Path) -> None:
    with EmbeddedLog.open(directory) as log:
        assert log.commit() == log.begin == log.end


def test_identity_belongs_to_the_log(tmp_path: Path) -> None:
    with EmbeddedLog.open(tmp_path / "a") as first, EmbeddedLog.open(tmp_path / "b") as other:
        identity = first.identity
        assert len(identity) == 32
        assert other.identity != identity
    with EmbeddedLog.open(tmp_path / "a") as again:
        assert again.identity == identity


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 3), st.text(max_size=9), st.binary(max_size=300)), max_size=6
        ),
        max_size=8,
    ),
    st.integers(1, 9),
    st.integers(1, 900),
)
def test_any_groups_in_any_segments_read_by_any_steps(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[tuple[int, str, bytes]]],
    limit: int,
    max_bytes: int,
) -> None:
    directory = tmp_path_factory.mktemp("log")
    expected: list[LogRecord] = []
    offsets = [0] * 4
    for group in groups:
        # Reopened for each group: the offsets go on.
        with EmbeddedLog.open(directory, 4, segment_bytes=600) as log:
            for shard, subject, payload in group:
                record = event(offsets[shard], payload, shard=shard, subject=subject)
                assert append(log, [record]) == [offsets[shard]]
                offsets[shard] += 1
                expected.append(record)
            log.commit()
    with EmbeddedLog.open(directory, 4) as log:
        assert everything(log, limit, max_bytes) == expected
        assert log.next_offsets == tuple(offsets)


def test_a_position_outlives_a_restart(directory: Path) -> None:
    with EmbeddedLog.open(directory, segment_bytes=200) as log:
        for offset in range(9):
            append(log, [event(offset)])
            log.commit()
        _, position = log.read(log.begin, 4)
    with EmbeddedLog.open(directory) as log:
        assert [record.offset for record in log.read(position)[0]] == [4, 5, 6, 7, 8]


@pytest.mark.parametrize("byte", [0, 1, 130, 10**9])
def test_a_position_between_no_two_records_is_refused(directory: Path, byte: int) -> None:
    with EmbeddedLog.open(directory) as log:
        append(log, [event(0), event(1)])
        log.commit()
        with pytest.raises(LogError, match="position of another"):
            log.read(LogPosition(1, byte))


def test_a_position_in_a_segment_to_come_is_refused(directory: Path) -> None:
    with EmbeddedLog.open(directory) as log, pytest.raises(LogError, match="segment 9 is not in"):
        log.read(LogPosition(9, 200))


def test_bounds_are_named(directory: Path) -> None:
    with EmbeddedLog.open(directory, max_payload=10, max_uncommitted=200) as log:
        with pytest.raises(LogError, match="11 bytes; the log takes 10"):
            append(log, [event(0, b"x" * 11)])
        with pytest.raises(LogError, match="subject has 65536 bytes"):
            append(log, [event(0, subject="x" * 65536)])
        with pytest.raises(LogError, match="no shard 8"):
            append(log, [event(0, shard=8)])
        with pytest.raises(LogError, match="no shard -1"):
            append(log, [event(0, shard=-1)])
        append(log, [event(offset) for offset in range(3)])
        with pytest.raises(LogError, match="commit, then append again"):
            append(log, [event(3)])
        log.commit()
        assert append(log, [event(3)]) == [3]
        log.commit()
        assert everything(log) == [event(offset) for offset in range(4)]


def test_one_record_always_fits(directory: Path) -> None:
    with EmbeddedLog.open(directory, max_uncommitted=1, segment_bytes=1) as log:
        for offset in range(3):
            append(log, [event(offset)])
            log.commit()
        assert everything(log) == [event(0), event(1), event(2)]


@pytest.mark.parametrize("bound", ["segment_bytes", "max_payload", "max_uncommitted"])
def test_impossible_bounds_are_refused(directory: Path, bound: str) -> None:
    with pytest.raises(LogError, match=f"{bound} of the log is 0"):
        EmbeddedLog.open(directory, **{bound: 0})


def test_the_number_of_shards_is_fixed(directory: Path) -> None:
    EmbeddedLog.open(directory, 4).close()
    with pytest.raises(LogError, match="has 4 shards and was opened with 8"):
        EmbeddedLog.open(directory)
    EmbeddedLog.open(directory, 4).close()


def test_a_second_holder_is_told_who_has_it(directory: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.errors import LogInUse\n"
        "from pipeline.log.embedded import EmbeddedLog\n"
        "try: EmbeddedLog.open(Path(sys.argv[1]))\n"
        "except LogInUse as error: print(error)"
    )
    with EmbeddedLog.open(directory):
        with pytest.raises(LogInUse, match=f"in use by process {os.getpid()}: stop"):
            EmbeddedLog.open(directory)
        said = subprocess.run(
            [sys.executable, "-c", code, directory],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert said.strip() == (
        f"{directory} is in use by process {os.getpid()}: stop that process, and run this again"
    )
    EmbeddedLog.open(directory).close()


def test_a_closed_log_says_so(directory: Path) -> None:
    log = EmbeddedLog.open(directory)
    log.close()
    log.close()
    with pytest.raises(LogError, match="is closed"):
        append(log, [event(0)])
    with pytest.raises(LogError, match="is closed"):
        log.commit()
    with pytest.raises(LogError, match="is closed"):
        log.read(log.begin)


def test_a_file_in_the_way_is_an_error_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    with pytest.raises(LogError, match="cannot be opened"):
        EmbeddedLog.open(tmp_path / "log")


class TestRetention:
    def filled(self, directory: Path) -> EmbeddedLog:
        """Eight records in eight segments; the one at offset n came in at n ms."""
        log = EmbeddedLog.open(directory, 1, segment_bytes=1)
        for offset in range(8):
            append(log, [event(offset)])
            log.commit()
        return log

    def test_both_conditions_hold(self, directory: Path) -> None:
        with self.filled(directory) as log:
            assert log.retain(LogPosition(5, log.begin.byte), older_than_ms=0) == 0
            assert log.retain(LogPosition(5, log.begin.byte), older_than_ms=2) == 2
            assert log.first_offsets == (2,)
            assert log.retain(LogPosition(5, log.begin.byte), older_than_ms=99) == 2
            assert [record.offset for record in everything(log)] == [4, 5, 6, 7]

    def test_the_current_segment_stays(self, directory: Path) -> None:
        with self.filled(directory) as log:
            assert log.retain(log.end, older_than_ms=99) == 7
            assert everything(log) == [event(7)]
            assert len(list(directory.glob("*.log"))) == 1
            assert log.retain(log.end, older_than_ms=99) == 0

    def test_a_restart_knows_ages_and_offsets(self, directory: Path) -> None:
        with self.filled(directory) as log:
            log.retain(LogPosition(3, log.begin.byte), older_than_ms=99)
        with EmbeddedLog.open(directory, 1) as log:
            assert log.first_offsets == (2,)
            assert log.next_offsets == (8,)
            assert log.retain(log.end, older_than_ms=4) == 2
            assert everything(log) == [event(offset) for offset in range(4, 8)]

    def test_a_deleted_position_is_refused(self, directory: Path) -> None:
        with self.filled(directory) as log:
            old = log.begin
            log.retain(log.end, older_than_ms=3)
            with pytest.raises(LogError, match="segment 1 is no longer kept, the oldest is 4"):
                log.read(old)

    def test_a_position_of_another_log_deletes_nothing(self, directory: Path) -> None:
        with self.filled(directory) as log:
            with pytest.raises(LogError, match="not in this log"):
                log.retain(LogPosition(99, 200), older_than_ms=99)
            assert len(everything(log)) == 8

    def test_kept_bytes_are_those_of_the_files(self, directory: Path) -> None:
        with self.filled(directory) as log:
            log.retain(log.end, older_than_ms=3)
            assert log.kept_bytes == sum(p.stat().st_size for p in directory.glob("*.log"))
