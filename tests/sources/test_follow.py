"""A log that grows, is renamed, emptied and cut off, with a reader that comes and goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.sources import follow as following
from pipeline.sources.follow import Batch, Position, beginning, follow


def now(reader: Iterator[Batch | None]) -> tuple[bytes, Position | None]:
    """Everything that is there now, and the position behind it."""
    lines, position = b"", None
    for batch in reader:
        if batch is None:
            break
        lines, position = lines + batch.lines, batch.position
    return lines, position


def add(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "queue_log"
    path.write_bytes(b"1\n2\n")
    return path


def test_lines_come_as_they_are_written(log: Path) -> None:
    reader = follow(log)
    assert now(reader)[0] == b"1\n2\n"
    assert now(reader) == (b"", None)
    add(log, b"3\nhalf")
    assert now(reader)[0] == b"3\n"
    assert now(reader)[0] == b""
    add(log, b" a line\n")
    assert now(reader)[0] == b"half a line\n"


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    reader = follow(tmp_path / "queue_log")
    assert now(reader) == (b"", None)
    add(tmp_path / "queue_log", b"1\n")
    assert now(reader)[0] == b"1\n"


def test_a_renamed_file_is_read_to_its_end_before_its_successor(log: Path) -> None:
    reader = follow(log)
    now(reader)
    old = log.rename(log.with_name("queue_log.0"))
    add(old, b"3\n")  # the writer still has it open
    assert now(reader)[0] == b"3\n"
    add(old, b"4\ncut")
    add(log, b"5\n")
    assert now(reader)[0] == b"4\ncut5\n"
    add(log, b"6\n")
    assert now(reader)[0] == b"6\n"


@pytest.mark.parametrize("regrown", [b"7\n", b"7777\n8888\n"])
def test_an_emptied_file_is_read_from_its_beginning(log: Path, regrown: bytes) -> None:
    reader = follow(log)
    _, position = now(reader)
    log.write_bytes(regrown)  # the same file: shorter than what was read, or longer again
    assert now(reader)[0] == regrown
    assert now(follow(log, position))[0] == regrown


def test_a_reader_goes_on_where_it_was(log: Path) -> None:
    _, position = now(follow(log))
    add(log, b"3\nhal")
    lines, position = now(follow(log, position))
    assert lines == b"3\n"
    add(log, b"f\n")
    assert now(follow(log, position))[0] == b"half\n"


def test_files_that_were_renamed_between_two_runs(log: Path) -> None:
    _, position = now(follow(log))
    add(log, b"3\n")
    first = log.rename(log.with_name("queue_log.1"))
    add(log, b"4\n")
    second = log.rename(log.with_name("queue_log.0"))
    add(log, b"5\n")
    for age, path in ((30, first), (20, second)):
        os.utime(path, (1_772_442_000 - age, 1_772_442_000 - age))
    older = log.with_name("queue_log.2")
    older.write_bytes(b"0\n")
    os.utime(older, (1_772_441_000, 1_772_441_000))
    assert now(follow(log, position))[0] == b"3\n4\n5\n"


def test_a_file_that_was_renamed_before_anything_of_it_was_safe(log: Path) -> None:
    assert beginning(log.with_name("none")) is None
    position = beginning(log)
    log.rename(log.with_name("queue_log.0"))
    add(log, b"3\n")
    assert now(follow(log, position))[0] == b"1\n2\n3\n"


def test_a_renamed_file_that_is_gone_costs_nothing_of_its_successor(log: Path) -> None:
    _, position = now(follow(log))
    other = log.with_name("new")
    other.write_bytes(b"3\n")
    other.replace(log)
    assert now(follow(log, position))[0] == b"3\n"


def test_batches_are_bounded_and_no_line_is_lost(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MAX_BATCH", 8)
    content = b"12345\n" * 5 + b"x" * 20 + b"\n"
    log.write_bytes(content)
    batches = []
    for batch in follow(log):
        if batch is None:
            break
        batches.append(batch.lines)
    assert b"".join(batches) == content
    assert max(map(len, batches)) <= 8
    assert batches[:5] == [b"12345\n"] * 5


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        now(follow(tmp_path))
