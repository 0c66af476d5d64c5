"""The map of requirements: every number is answered, and what answers it exists."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from dashboards.build import BOARDS
from pipeline.__main__ import COMMANDS, main
from pipeline.alerts.service_level import RULE
from pipeline.requirement_map import markdown
from schemas.catalogue import load_catalogue
from schemas.documents import DocumentError
from schemas.requirements import COUNT, load_requirements, read_requirements

CATALOGUE = load_catalogue()
REQUIREMENTS = load_requirements(CATALOGUE)
TEXT = (resources.files("schemas") / "requirements.yaml").read_text(encoding="utf-8")
PAGE = Path(__file__).parents[1] / "docs" / "requirements.md"


def test_the_page_is_what_the_map_gives(capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == markdown(REQUIREMENTS, CATALOGUE), "out of date: run 'make docs'"
    assert main(["metrics", "requirements"]) == 0
    assert capsys.readouterr().out == page


def test_no_number_is_missing() -> None:
    assert set(REQUIREMENTS) == {f"R{number}" for number in range(1, 132 + 1)}
    assert PAGE.read_text(encoding="utf-8").count("\n| R") == COUNT == 132


def test_every_answer_exists() -> None:
    for key, one in REQUIREMENTS.items():
        assert set(one.metrics) <= set(CATALOGUE.metrics), key
        assert set(one.boards) <= set(BOARDS), key
        assert set(one.rules) <= {RULE}, key
        assert set(one.commands) <= set(COMMANDS), key


def test_every_key_metric_of_the_contract_answers_something() -> None:
    """A key metric that nobody asked for would not be key; the pipeline's own serve all."""
    answers = {name for one in REQUIREMENTS.values() for name in one.metrics}
    key = {n for n, m in CATALOGUE.metrics.items() if m.tier == "K" and m.section != "J"}
    assert key - answers == set()


def test_both_languages_are_there() -> None:
    for key, one in REQUIREMENTS.items():
        for text in (one.asks, one.planned, one.elsewhere):
            if text is not None:
                assert any("\u4e00" <= sign <= "\u9fff" for sign in text.zh), key
                assert not any("\u4e00" <= sign <= "\u9fff" for sign in text.en), key


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("  R7:\n", "  R200:\n", "R7 is missing; say what answers it"),
        ("  R7:\n", "  R200:\n", "requirements.R200: there are 132 requirements; take it out"),
        ("[one_stop_rate]", "[one_stop_rat]", "no metric 'one_stop_rat'; did you mean 'one_stop_r"),
        ("    metrics: [one_stop_rate]\n", "", "R14: give metrics, boards, rules, commands or pl"),
    ],
)
def test_a_gap_is_refused(right: str, wrong: str, problem: str) -> None:
    assert right in TEXT
    with pytest.raises(DocumentError) as refused:
        read_requirements("r.yaml", TEXT.replace(right, wrong, 1), CATALOGUE)
    assert problem in str(refused.value)
