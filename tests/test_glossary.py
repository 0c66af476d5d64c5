"""`goldpan metrics`: the catalogue told to people, in both languages, as lines and as a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from pipeline.__main__ import main
from pipeline.glossary import LANGS, Lang, markdown
from schemas.catalogue import load_catalogue

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[Lang, str] = {"en": "glossary.md", "zh": "glossary.zh.md"}
CATALOGUE = load_catalogue()


@pytest.mark.parametrize("lang", LANGS)
def test_the_pages_are_what_the_catalogue_gives(lang: Lang) -> None:
    page = (DOCS / PAGES[lang]).read_text(encoding="utf-8")
    assert page == markdown(CATALOGUE, lang), f"docs/{PAGES[lang]} is out of date: run 'make docs'"


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_names_every_metric_variant_and_measure(lang: Lang) -> None:
    page = markdown(CATALOGUE, lang)
    names = {*CATALOGUE.metrics, *(m for f in CATALOGUE.families.values() for m in f.measures)}
    names |= {v for metric in CATALOGUE.metrics.values() for v in metric.variants}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["metrics", *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_show_tells_definition_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "show", "asa") == [
        "asa  Average speed of answer",
        "waits of answered contacts ÷ answered",
        "  formula             wait_answered_ms / answered / 1000",
        "  unit                s",
        "  direction           lower is better",
        "  dimension × stage   customer × front support",
        "  tier                key",
        "  target              ≤20–30 s",
        "  warning / critical  30 / 60",
        "  least sample        20",
        "  freshness           near (within 60 s)",
        "  broken down by      queue; queue, channel, direction, call_type, priority; "
        "agent_id, team, queue; product, region",
        "  needs               call.answered.wait_ms",
        "  edges               from queue entry, not the voice menu; zero waits count, "
        "abandons do not",
        "  definition version  1",
    ]


def test_show_takes_names_and_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "show", "净推荐值", "--lang", "zh")
    assert lines[0] == "nps  净推荐值"
    assert "  不可用       需要 survey.responded.nps，尚未处理" in lines
    both = said(capsys, "show", "nps", "average speed of answer")
    assert [line for line in both if line and not line.startswith(" ")][::2] == [
        "nps  Net promoter score",
        "asa  Average speed of answer",
    ]


def test_a_typo_is_told_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "show", "answr_rate"]) == 1
    assert "no metric 'answr_rate'; did you mean 'answer_rate'" in capsys.readouterr().err
    assert main(["metrics", "show", "接通"]) == 1
    assert "did you mean '接通量' or '接通率'?" in capsys.readouterr().err


@pytest.mark.parametrize("lang", LANGS)
def test_list_is_aligned(capsys: pytest.CaptureFixture[str], lang: Lang) -> None:
    head, rule, *rows = said(capsys, "list", "--lang", lang)
    assert len(rows) == len(CATALOGUE.metrics)
    state = cell_len(head[: head.index("状态" if lang == "zh" else "state")])
    for row, metric in zip(rows, CATALOGUE.metrics.values(), strict=True):
        words = {"zh": "可用", "en": "available"}[lang]
        missing = metric.missing and (metric.missing.zh if lang == "zh" else metric.missing.en)
        told = missing or words
        assert row.endswith(told)
        assert cell_len(row.removesuffix(told)) == state
    assert set(rule) == {"─"}


def test_list_by_section_and_tier(capsys: pytest.CaptureFixture[str]) -> None:
    rows = said(capsys, "list", "--section", "J", "--tier", "K")[2:]
    assert {row.split()[0] for row in rows} == {"freshness", "parity", "alert_delay"}


def test_the_page_can_be_made_of_ones_own_definitions(capsys: pytest.CaptureFixture[str]) -> None:
    own = DOCS / "examples" / "bank-daily-table.yaml"
    lines = said(capsys, "show", "bank_hangs", "--definitions", str(own))
    assert lines[0].startswith("bank_hangs  ")
