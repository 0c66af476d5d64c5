"""Words that mean nothing: the command says which, and the nearest that do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Goldpan

ROOT = Path(__file__).parents[2]
EXPLAINED = re.compile(
    r"^  (-\S+|[A-Z]+|\{\S+\})[^\n]*?(?:  +| *\n {10,})(\S[^\n]*)?", re.MULTILINE
)
COMMANDS = (
    (),
    ("ingest",),
    ("report",),
    ("dead-letters",),
    ("dead-letters", "list"),
    ("dead-letters", "show"),
    ("config",),
    ("db",),
    ("migrate",),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_and_says_what_each_word_means(
    command: tuple[str, ...], typed: Goldpan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    said = typed(*command, "--help")

    assert said.status == 0
    assert max(map(len, said.out.splitlines())) <= 100
    assert "None" not in said.out
    assert re.match(r"\n[A-Z][^\n]*(\n[^\n]+)*\.\n", said.out[said.out.index("\n\n") + 1 :])
    for word, explained in EXPLAINED.findall(said.out.partition("\n\n")[2]):
        assert explained, f"{word} is not explained"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("ofered",), "no metric 'ofered'; did you mean"),
        (("service_level:V9",), "service_level has no variant 'V9'; known: V1, V2, "),
        (("offered", "--group", "queu"), "no dimension 'queu'; did you mean"),
        (("offered", "--from", "yesterday"), "'yesterday' is not a date or time: write "),
        (
            ("offered", "--from", "2026-03-02", "--to", "2026-03-01"),
            "from 2026-03-02T00:00:00+08:00 must come before to 2026-03-01T00:00:00+08:00",
        ),
        (("offered", "--definitions", "none.yaml"), "none.yaml: no such file; "),
        (("offered", "--site", "none.yaml"), "none.yaml: no such file; "),
        (("x=offered +",), "'offered +', column 1: not an expression"),
    ],
)
def test_a_report_of_nothing(words: tuple[str, ...], sentence: str, goldpan: Goldpan) -> None:
    said = goldpan("report", *words)

    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(f"goldpan: {sentence}")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("report", "offered", "--by", "fortnight"),
        ("ingest", "x", "--format", "tsv"),
        ("dead-letters", "list", "--most", "many"),
        ("pan",),
        (),
    ],
)
def test_words_that_no_command_knows(words: tuple[str, ...], typed: Goldpan) -> None:
    said = typed(*words)

    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("usage: goldpan")


def test_the_version(typed: Goldpan) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    said = typed("--version")
    assert (said.status, said.out) == (0, f"goldpan {version}\n")


@pytest.mark.parametrize("place", ["here", "1.2", "99999999999999999999.1.1"])
def test_a_place_without_a_dead_letter(place: str, goldpan: Goldpan) -> None:
    said = goldpan("dead-letters", "show", place)

    assert said.status == 1
    assert said.err in {
        f"goldpan: {place!r} is not a place: copy one from 'goldpan dead-letters list'\n",
        f"goldpan: there is no dead letter at {place}\n",
    }


def test_a_configuration_with_mistakes(typed: Goldpan, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("format: 1\nsite: Ex ample\ntime_zone: Shanghai\nname: {zh: 例, en: E}\n")

    said = typed("config", "check", file)

    assert (said.status, said.out) == (1, "")
    first, second = said.err.removeprefix("goldpan: ").splitlines()
    assert first.startswith(f"{file}:2: site: ")
    assert second.startswith(f"{file}:3: time_zone: ")


def test_a_configuration_without_mistakes(typed: Goldpan) -> None:
    said = typed("config", "check")

    assert said.status == 0
    # Towards the end of a year the next one's holidays are not published yet, which is said.
    assert all("no holidays are named for" in line for line in said.err.splitlines())
    assert "Example call centre (示例客服中心), site example, Asia/Shanghai\n" in said.out
