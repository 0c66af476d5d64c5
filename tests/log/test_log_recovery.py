"""Cuts, flipped bytes, kills and full disks in; what was committed, or a plain error, out."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import LogCorrupt, LogError, LogFull
from pipeline.log import framing, writer
from pipeline.log.embedded import EmbeddedLog
from pipeline.log.segments import LogPosition
from schemas.records import LIVE, LogRecord, RecordKind

ROOT = Path(__file__).parents[2]


def event(offset: int, payload: bytes = b'{"n":1}') -> LogRecord:
    """An event that came in at its offset in milliseconds."""
    return LogRecord(0, offset, RecordKind.EVENT, offset, LIVE, "customer:1", payload)


def commit(log: EmbeddedLog, records: Iterable[LogRecord]) -> LogPosition:
    for record in records:
        log.append(
            record.shard,
            record.kind,
            record.ingest_ms,
            domain=record.domain,
            subject=record.subject,
            payload=record.payload,
        )
    return log.commit()


def everything(log: EmbeddedLog) -> list[LogRecord]:
    records: list[LogRecord] = []
    position = log.begin
    while True:
        some, position = log.read(position)
        if not some:
            return records
        records += some


def last_segment(directory: Path) -> Path:
    return sorted(directory.glob("*.log"))[-1]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[LogRecord], list[int]]:
    """A log of four groups of two in one segment, its records, and the byte after each."""
    directory = tmp_path_factory.mktemp("sample") / "log"
    records = [event(offset, b"x" * (3 * offset)) for offset in range(8)]
    ends = []
    with EmbeddedLog.open(directory, 1) as log:
        for first in range(0, 8, 2):
            before = log.end.byte
            commit(log, records[first : first + 2])
            ends += [before + framing.FRAME_BYTES + 14 + 3 * first, log.end.byte]
    return directory, records, ends


def test_a_cut_at_any_byte_leaves_the_records_before_it(
    sample: tuple[Path, list[LogRecord], list[int]], tmp_path: Path
) -> None:
    source, records, ends = sample
    whole = last_segment(source).read_bytes()
    directory = tmp_path / "log"
    directory.mkdir()
    path = directory / last_segment(source).name
    first = ends[0] - framing.FRAME_BYTES - 14
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        kept = [record for record, end in zip(records, ends, strict=True) if end <= cut]
        with EmbeddedLog.open(directory, 1) as log:
            assert everything(log) == kept
            assert log.next_offsets == (len(kept),)
            assert log.recovered_bytes == cut - max([0, *(e for e in [first, *ends] if e <= cut)])
            commit(log, [event(len(kept))])
        with EmbeddedLog.open(directory, 1) as log:
            assert everything(log) == [*kept, event(len(kept))]
            assert log.recovered_bytes == 0


def test_any_flipped_byte_is_found_or_cut_with_the_last_group(
    sample: tuple[Path, list[LogRecord], list[int]], tmp_path: Path
) -> None:
    source, records, ends = sample
    whole = last_segment(source).read_bytes()
    directory = tmp_path / "log"
    directory.mkdir()
    path = directory / last_segment(source).name
    draw = random.Random(7)
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= draw.randrange(1, 256)
        path.write_bytes(flipped)
        if place < ends[5]:
            with pytest.raises(LogError, match=f"{path.name}|has .* shards|log format"):
                EmbeddedLog.open(directory, 1)
            assert path.read_bytes() == flipped, "damage is left for a person to see"
        else:
            with EmbeddedLog.open(directory, 1) as log:
                assert everything(log) == records[: 6 if place < ends[6] else 7]


def test_damage_names_the_file_and_the_byte(
    sample: tuple[Path, list[LogRecord], list[int]], tmp_path: Path
) -> None:
    source, _, ends = sample
    directory = shutil.copytree(source, tmp_path / "log")
    path = last_segment(directory)
    content = bytearray(path.read_bytes())
    content[ends[2] + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(LogCorrupt, match=f"{path} is damaged at byte {ends[2]}: "):
        EmbeddedLog.open(directory, 1)


def test_a_lost_page_in_the_last_group_is_a_torn_end(tmp_path: Path) -> None:
    """A power cut keeps any pages of a group that was not flushed: the first may be missing."""
    with EmbeddedLog.open(tmp_path, 1) as log:
        torn = commit(log, [event(0)])
        commit(log, [event(offset, b"x" * 3000) for offset in range(1, 9)])
        path = last_segment(tmp_path)
    content = bytearray(path.read_bytes())
    content[torn.byte : torn.byte + 4096] = bytes(4096)
    path.write_bytes(content)
    with EmbeddedLog.open(tmp_path, 1) as log:
        assert everything(log) == [event(0)]
        assert log.recovered_bytes == len(content) - torn.byte


def test_frames_inside_a_payload_are_not_frames(tmp_path: Path) -> None:
    """A torn record that carries another log's bytes is still only torn."""
    with EmbeddedLog.open(tmp_path / "other", 1) as other:
        for offset in range(3):
            commit(other, [event(offset)])
    stolen = last_segment(tmp_path / "other").read_bytes()
    with EmbeddedLog.open(tmp_path / "log", 1) as log:
        commit(log, [event(0)])
        commit(log, [event(1, stolen * 2)])
    path = last_segment(tmp_path / "log")
    path.write_bytes(path.read_bytes()[:-1])
    with EmbeddedLog.open(tmp_path / "log", 1) as log:
        assert everything(log) == [event(0)]


def three_segments(directory: Path) -> list[Path]:
    with EmbeddedLog.open(directory, 1, segment_bytes=1) as log:
        for offset in range(3):
            commit(log, [event(offset)])
    return sorted(directory.glob("*.log"))


def test_damage_in_an_older_segment_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = three_segments(tmp_path)[1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with EmbeddedLog.open(tmp_path, 1) as log:
        records, position = log.read(log.begin)
        assert records == [event(0)]
        with pytest.raises(LogCorrupt, match=f"{path} is damaged at byte {log.begin.byte}: "):
            log.read(position)


@pytest.mark.parametrize("change", [-1, 1])
def test_an_older_segment_of_another_size_is_found_at_start(tmp_path: Path, change: int) -> None:
    path = three_segments(tmp_path)[1]
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + b"x")
    with pytest.raises(LogCorrupt, match=f"{path} has {len(content) + change} bytes where"):
        EmbeddedLog.open(tmp_path, 1)


def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    path = three_segments(tmp_path)[1]
    path.unlink()
    with pytest.raises(LogCorrupt, match=f"{path} is missing"):
        EmbeddedLog.open(tmp_path, 1)


def test_a_segment_of_another_log_is_refused(tmp_path: Path) -> None:
    path = three_segments(tmp_path / "a")[1]
    shutil.copy(three_segments(tmp_path / "b")[1], path)
    with pytest.raises(LogCorrupt, match=f"{path} is segment 2 of log"):
        EmbeddedLog.open(tmp_path / "a", 1)


@pytest.mark.parametrize("size", [0, 1, 70])
def test_a_last_segment_without_a_whole_header_held_nothing(tmp_path: Path, size: int) -> None:
    path = three_segments(tmp_path)[-1]
    following = path.with_name("000000000004.log")
    following.write_bytes(path.read_bytes()[:size])
    with EmbeddedLog.open(tmp_path, 1, segment_bytes=1) as log:
        assert log.recovered_bytes == size
        assert log.next_offsets == (3,)
        commit(log, [event(3)])
        assert everything(log) == [event(offset) for offset in range(4)]


def test_a_headless_only_segment_of_an_old_log_is_damage(tmp_path: Path) -> None:
    paths = three_segments(tmp_path)
    paths[0].unlink()
    paths[1].unlink()
    paths[2].write_bytes(b"")
    with pytest.raises(LogCorrupt, match=f"{paths[2]} ends inside its header"):
        EmbeddedLog.open(tmp_path, 1)


def test_a_segment_that_was_not_published_is_removed(tmp_path: Path) -> None:
    three_segments(tmp_path)
    (tmp_path / "next.tmp").write_bytes(b"GOLD")
    with EmbeddedLog.open(tmp_path, 1) as log:
        assert len(everything(log)) == 3
    assert not (tmp_path / "next.tmp").exists()


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    path = three_segments(tmp_path)[-1]
    content = bytearray(path.read_bytes())
    content[8] = 2
    path.write_bytes(content)
    with pytest.raises(LogError, match="log format 2, this version reads 1"):
        EmbeddedLog.open(tmp_path, 1)


def test_a_record_that_skips_an_offset_is_damage(tmp_path: Path) -> None:
    with EmbeddedLog.open(tmp_path, 1) as log:
        end = commit(log, [event(0)])
        marker = framing.marker_of(log.identity)
    skipping = framing.frame(marker, (0, 0, 2, 0, 0), b"live", b"", b"")
    with last_segment(tmp_path).open("ab") as file:
        file.write(skipping)
    with pytest.raises(LogCorrupt, match=f"skips records of shard 0 at byte {end.byte}"):
        EmbeddedLog.open(tmp_path, 1)


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_any_bytes_are_parsed_without_an_error(data: bytes, marker: int) -> None:
    records: list[LogRecord] = []
    assert 0 <= framing.parse(data, 99, marker, {}, records) <= len(data)
    assert framing.later_group(data, 0, marker) is None


WRITER = """
import sys
from pathlib import Path
from pipeline.log.embedded import EmbeddedLog
from schemas.records import RecordKind
with EmbeddedLog.open(Path(sys.argv[1]), 4, segment_bytes=30_000) as log:
    given = sum(log.next_offsets)
    while True:
        for number in range(given, given + 7):
            payload = b"%d " % number * (number % 50)
            log.append(number % 4, RecordKind.EVENT, number, domain="live",
                       subject=str(number), payload=payload)
        given += 7
        log.commit()
        print(given, flush=True)
"""


@pytest.mark.faults
def test_kills_lose_no_acknowledged_record_and_repeat_none(tmp_path: Path) -> None:
    draw = random.Random(11)
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout
            acknowledged = [int(child.stdout.readline()) for _ in range(draw.randrange(1, 60))]
            # A timer and not the next line, so that the kill falls anywhere in a commit.
            timer = threading.Timer(draw.random() / 50, child.kill)
            timer.start()
            acknowledged += [int(line) for line in child.stdout]
            timer.join()
        with EmbeddedLog.open(tmp_path, 4) as log:
            records = everything(log)
            assert len(records) >= acknowledged[-1]
            # A group may be cut: the next writer goes on at any number.
            assert [int(record.subject) for record in records] == list(range(len(records)))
            assert all(record.offset == int(record.subject) // 4 for record in records)
            assert all(
                record.payload == b"%d " % number * (number % 50)
                for number, record in enumerate(records)
            )


FULL_DISK = """
import resource, sys
from pathlib import Path
from pipeline.errors import LogFull
from pipeline.log.embedded import EmbeddedLog
from schemas.records import RecordKind
def group(log):
    for _ in range(3):
        log.append(0, RecordKind.EVENT, 5, domain="live", subject="s", payload=b"x" * 1000)
    log.commit()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
with EmbeddedLog.open(Path(sys.argv[1]), 1) as log:
    group(log)
    end = log.end
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    for _ in range(2):
        try: group(log)
        except LogFull as error: print(error)
        assert (log.end, log.next_offsets, log.uncommitted_bytes) == (end, (3,), 0)
        assert log.directory.joinpath("000000000001.log").stat().st_size == end.byte
    assert len(log.read(log.begin)[0]) == 3
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    group(log)
    print(len(log.read(log.begin)[0]))
"""


@pytest.mark.faults
def test_a_full_disk_takes_the_group_back(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert said == [
        f"no space for the log in {tmp_path} (File too large): nothing since the last commit was "
        "kept; make room and offer it again"
    ] * 2 + ["6"]
    with EmbeddedLog.open(tmp_path, 1) as log:
        assert [record.offset for record in everything(log)] == list(range(6))
        assert log.recovered_bytes == 0


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_no_room_for_a_new_segment_takes_the_group_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(directory: Path, _: object) -> None:
        (directory / "next.tmp").write_bytes(b"GO")
        raise refuse(errno.ENOSPC)

    with EmbeddedLog.open(tmp_path, 1, segment_bytes=1) as log:
        commit(log, [event(0)])
        with monkeypatch.context() as patch:
            patch.setattr(writer, "prepare_segment", full)
            with pytest.raises(LogFull):
                commit(log, [event(1)])
        assert not (tmp_path / "next.tmp").exists()
        commit(log, [event(1)])
        assert everything(log) == [event(0), event(1)]


def test_no_room_in_a_segment_just_begun_takes_the_group_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise refuse(errno.EDQUOT)

    with EmbeddedLog.open(tmp_path, 1, segment_bytes=1) as log:
        end = commit(log, [event(0)])
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(LogFull):
                commit(log, [event(1)])
        assert log.end == end
        assert everything(log) == [event(0)]
        commit(log, [event(1)])
        commit(log, [event(2)])
        assert everything(log) == [event(0), event(1), event(2)]
    with EmbeddedLog.open(tmp_path, 1) as log:
        assert everything(log) == [event(0), event(1), event(2)]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_failed_flush_ends_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(_: int) -> None:
        raise refuse(number)

    with EmbeddedLog.open(tmp_path, 1) as log:
        commit(log, [event(0)])
        with monkeypatch.context() as patch:
            patch.setattr(writer, "sync_data", fail)
            with pytest.raises(LogError, match=r"disk of the log .* failed") as caught:
                commit(log, [event(1)])
        assert not isinstance(caught.value, LogFull)
        with pytest.raises(LogError, match="failed"):
            log.append(0, RecordKind.EVENT, 0, domain=LIVE, subject="", payload=b"")
        with pytest.raises(LogError, match="failed"):
            log.commit()
        assert everything(log) == [event(0)]
    with EmbeddedLog.open(tmp_path, 1) as log:
        assert everything(log)[0] == event(0)


def test_an_interrupted_commit_ends_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with EmbeddedLog.open(tmp_path, 1) as log:
        commit(log, [event(0)])
        with monkeypatch.context() as patch:
            patch.setattr(writer, "sync_data", interrupt)
            with pytest.raises(KeyboardInterrupt):
                commit(log, [event(1)])
        with pytest.raises(LogError, match="interrupted"):
            commit(log, [event(1)])


def test_a_reader_and_a_writer_at_once(tmp_path: Path) -> None:
    with EmbeddedLog.open(tmp_path, 1, segment_bytes=5000) as log:
        total = 1000
        seen: list[int] = []
        begin = log.begin

        def follow() -> None:
            position = begin
            while len(seen) < total:
                some, position = log.read(position, 50)
                seen.extend(record.offset for record in some)

        reader = threading.Thread(target=follow)
        reader.start()
        for offset in range(0, total, 10):
            commit(log, [event(offset + more) for more in range(10)])
        reader.join()
        assert seen == list(range(total))
