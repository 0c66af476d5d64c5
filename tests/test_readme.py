"""What the documents tell to type exists, and gives what they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import clickhouse
from pipeline.__main__ import main

ROOT = Path(__file__).parents[1]
PROSE = ("README.md", "CHANGELOG.md", "docs/metrics.md", "docs/sources.md")


def code_lines(text: str) -> Iterator[str]:
    """What a text tells its readers to type: lines of code blocks, and code within sentences."""
    prose = ""
    for number, part in enumerate(re.split(r"^```.*\n", text, flags=re.MULTILINE)):
        if number % 2:
            yield from re.sub(r"\\\n\s*", "", part).splitlines()
        else:
            prose += part
    yield from re.findall(r"`([^`\n]+)`", prose)


def told(what: str) -> list[str]:
    """The commands of this name that the documents tell to type."""
    found = [
        line.removeprefix(".venv/bin/").split("#")[0].split("|")[0].strip()
        for name in PROSE
        for line in code_lines((ROOT / name).read_text())
    ]
    return sorted({line for line in found if line.startswith(what + " ")})


def test_make_commands_that_are_told_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = told("make")
    assert {"make demo", "make test"} <= set(commands)
    for command in commands:
        words = [word for word in shlex.split(command)[1:] if "=" not in word]
        assert set(words) <= set(targets), command


@pytest.mark.parametrize("command", told("goldpan"))
def test_commands_that_are_told_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)[1:]
    with pytest.raises(SystemExit) as done:
        main([*words, "--help"])
    assert done.value.code == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in shown


def test_every_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    ([a-z-]+)(?= |$)", capsys.readouterr().out, re.MULTILINE)
    assert len(commands) > 1
    assert set(commands) <= {command.split()[1] for command in told("goldpan")}


def block(language: str) -> str:
    """The one code block of this language in the README."""
    found = re.findall(rf"^```{language}\n(.*?)^```", readme(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def readme() -> str:
    return (ROOT / "README.md").read_text()


def test_the_first_example_gives_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calls.jsonl").write_text(block("json"))
    lines = list(code_lines(readme()))
    first = lines.index(".venv/bin/goldpan ingest calls.jsonl --format jsonl")
    for line in lines[first : first + 2]:
        words = shlex.split(line.replace("calls.jsonl", str(tmp_path / "calls.jsonl")))[1:]
        capsys.readouterr()
        assert main([*words, "--data-dir", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out == block("csv")
    assert clickhouse.stop(tmp_path / "data" / "clickhouse")


def test_the_map_shows_what_is_there() -> None:
    tree = next(part for part in readme().split("```") if part.startswith("\nschemas/"))
    top = ""
    for line in tree.strip().splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            top = name
        assert (ROOT / name).exists() or (ROOT / top / name).exists(), name


def common(text: str) -> list[tuple[list[str], list[str], int]]:
    """What is no language's own in each section: what is typed, what stands as code, table rows."""
    found = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        typed = [
            line.split()[0] if language == "" else line.split("#")[0].rstrip()
            for language, block in re.findall(
                r"^```(\w*)\n(.*?)^```", section, re.MULTILINE | re.DOTALL
            )
            for line in block.splitlines()
        ]
        prose = re.sub(r"^```.*?^```", "", section, flags=re.MULTILINE | re.DOTALL)
        rows = re.findall(r"^\|", prose, re.MULTILINE)
        found.append((typed, sorted(re.findall(r"`([^`\n]+)`", prose)), len(rows)))
    return found


def test_the_chinese_readme_tells_the_same() -> None:
    chinese = (ROOT / "README.zh.md").read_text()
    for one, other in zip(common(chinese), common(readme()), strict=True):
        assert one == other


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        place, _, anchor = target.partition("#")
        assert (ROOT / place).exists()
        assert not anchor or anchor in anchors, target
