"""Lines of files: plain, packed, cut short, too long, missing."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.sources.files import LineFile, content_digest
from pipeline.sources.jsonl import JsonLines
from pipeline.sources.source import Source


def written(path: Path, content: bytes) -> Path:
    """Write a file, packed where its name says so."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def broken(path: Path, content: bytes, lost: int) -> Path:
    """Write a gzip file that lacks its last bytes."""
    path.write_bytes(gzip.compress(content)[:-lost])
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_lines_go_through_as_they_are(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, b'{"a":1}\n\n  \r\nnot json\r\n{"b":"\xff"}')
    source: Source = JsonLines(path)
    assert [*source.events()] == [b'{"a":1}', b"not json", b'{"b":"\xff"}']
    assert source.skipped == {"blank line": 2}
    assert source.repairs == {}
    assert source.allowed_lateness_ms == 3_600_000
    assert source.position == source.size == path.stat().st_size


def test_packed_content_is_known_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(b"{}\n") + gzip.compress(b"[]\n"))
    assert [*JsonLines(path).events()] == [b"{}", b"[]"]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    for name in ("a", "a.gz"):
        assert [*JsonLines(written(tmp_path / name, b"")).events()] == []


def test_a_byte_order_mark_is_the_files_not_the_first_events(tmp_path: Path) -> None:
    source = JsonLines(written(tmp_path / "a", b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n"))
    assert [*source.events()] == [b"{}", b"\xef\xbb\xbf{}"]
    assert source.repairs == {"byte order mark dropped": 1}


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    source = JsonLines(written(tmp_path / "a", b"\xef\xbb\xbf{}\n\n{}"))
    assert [*source.events()] == [*source.events()] == [b"{}", b"{}"]
    assert source.skipped == {"blank line": 1}


@pytest.mark.parametrize("length", [99, 100, 101, 70_000, 200_000])
@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_a_line_is_kept_up_to_its_bound(tmp_path: Path, name: str, length: int) -> None:
    path = written(tmp_path / name, b"first\n" + b"x" * length + b"\nlast\n")
    source = JsonLines(path, max_line=100)
    assert [*source.events()] == [b"first", b"x" * min(length, 100), b"last"]
    assert source.repairs == ({"overlong line cut": 1} if length > 100 else {})


def test_a_long_last_line_without_an_end_is_cut_too(tmp_path: Path) -> None:
    file = LineFile(written(tmp_path / "a", b"x" * 300_000), max_line=100)
    assert [*file.lines()] == [b"x" * 100]
    assert (file.lines_read, file.lines_cut) == (1, 1)


def test_the_position_moves_with_the_reading(tmp_path: Path) -> None:
    content = b"".join(b"%d\n" % number for number in range(100_000))
    file = LineFile(written(tmp_path / "a.gz", content))
    positions = [file.position]
    positions += [file.position for _ in file.lines()]
    positions.append(file.position)
    assert positions == sorted(positions)
    assert positions[0] == 0
    assert 0 < positions[50_000] < file.size
    assert positions[-1] == file.size


def test_a_broken_gzip_gives_all_readable_lines_and_then_says_so(tmp_path: Path) -> None:
    lines = [os.urandom(30).hex().encode() for _ in range(5000)]
    path = broken(tmp_path / "a.gz", b"\n".join(lines) + b"\n", 1000)
    read: list[bytes] = []

    def collect() -> None:
        for event in JsonLines(path).events():
            read.append(event)

    with pytest.raises(InputError, match="ends early") as caught:
        collect()
    assert read == lines[: len(read)]
    assert len(read) > 4900
    assert f"{len(read):,} lines were read and kept" in str(caught.value)


def test_a_gzip_that_lacks_only_its_checksum_ends_early_too(tmp_path: Path) -> None:
    path = broken(tmp_path / "a.gz", b"1\n2\n", 3)
    with pytest.raises(InputError, match="2 lines were read and kept"):
        list(LineFile(path).lines())


def test_half_a_line_at_the_break_is_left_out(tmp_path: Path) -> None:
    path = broken(tmp_path / "a.gz", b"1\n2\nhalf", 8)
    lines = LineFile(path).lines()
    assert [next(lines), next(lines)] == [b"1", b"2"]
    with pytest.raises(InputError, match="2 lines were read and kept"):
        next(lines)


def test_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(b"1\n" * 1000))
    content[-6] ^= 0xFF  # in the checksum
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.gz is damaged"):
        list(LineFile(path).lines())


def test_what_cannot_be_opened_is_said_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl does not exist"):
        JsonLines(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="is a directory; name one file"):
        JsonLines(tmp_path)
    path = written(tmp_path / "a", b"{}")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read whatever its mode says
    with pytest.raises(InputError, match="may not be read by this user"):
        list(JsonLines(path).events())


def test_a_pipe_can_be_read_and_has_no_size(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"1\n2\n")
    os.close(write_end)
    file = LineFile(Path(f"/dev/fd/{read_end}"))
    try:
        assert [(line, file.position) for line in file.lines()] == [(b"1", 0), (b"2", 0)]
        assert file.size == 0
    finally:
        os.close(read_end)


def test_a_digest_names_the_content_packed_or_not(tmp_path: Path) -> None:
    content = b"1\n2\n" * 1000
    plain = content_digest(written(tmp_path / "a", content))
    assert plain == content_digest(written(tmp_path / "a.gz", content))
    assert plain != content_digest(written(tmp_path / "b", content + b"3"))
    cut = content_digest(broken(tmp_path / "c.gz", content, 4))
    assert cut == content_digest(tmp_path / "c.gz") != plain
    with pytest.raises(InputError, match="does not exist"):
        content_digest(tmp_path / "none")
