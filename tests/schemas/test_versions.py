"""A definition that changes has a new version: what is recorded, and what is refused."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import yaml

from schemas.catalogue import load_catalogue, read_catalogue
from schemas.documents import DocumentError
from schemas.versions import Versions, load_versions, merged, write, written

TEXT = (resources.files("schemas") / "metrics.yaml").read_text(encoding="utf-8")
RECORDED = load_versions()


def refused(text: str, versions: Versions = RECORDED) -> str:
    with pytest.raises(DocumentError) as error:
        read_catalogue("schemas/metrics.yaml", text, versions)
    return str(error.value)


def replaced(right: str, wrong: str) -> str:
    assert TEXT.count(right) == 1, right
    return TEXT.replace(right, wrong)


def line_of(metric: str) -> int:
    return TEXT.splitlines().index(f"  {metric}:") + 1


def test_every_definition_is_recorded() -> None:
    today = merged(RECORDED, load_catalogue().versions())
    text = (resources.files("schemas") / "versions.yaml").read_text(encoding="utf-8")
    assert text == written(today), "schemas/versions.yaml lacks definitions: run 'make docs'"
    assert {name for name, metric in load_catalogue().metrics.items() if not metric.missing} <= {
        *today
    }


def test_another_formula_under_the_same_version_is_refused() -> None:
    wrong = replaced("formula: answered / (offered - short_abandoned) * 100", "formula: answered")
    assert refused(wrong) == (
        f"schemas/metrics.yaml:{line_of('answer_rate')}: metrics.answer_rate: its numbers are not "
        "those of version 1 any more: set definition_version to 2 and run 'goldpan metrics "
        "record'; or take version 1 out of schemas/versions.yaml, if it was never released"
    )


@pytest.mark.parametrize(
    ("right", "wrong", "metrics"),
    [
        # One of several variants.
        (
            "formula: answered_in_threshold / answered * 100",
            "formula: answered_in_threshold / offered * 100",
            ["service_level"],
        ),
        # What is taken when no variant is named.
        (
            "    default: without_short\n    variants:\n      without_short:\n        name:\n"
            "          zh: 不计短放弃\n          en: short abandons left out\n"
            "        formula: (abandoned",
            "    default: all\n    variants:\n      without_short:\n        name:\n"
            "          zh: 不计短放弃\n          en: short abandons left out\n"
            "        formula: (abandoned",
            ["abandon_rate"],
        ),
        # What a measure counts changes all that read it.
        ("value: max(wait_ms)", "value: max(talk_ms)", ["max_wait"]),
    ],
)
def test_whatever_changes_numbers_is_a_change(right: str, wrong: str, metrics: list[str]) -> None:
    said = refused(replaced(right, wrong))
    assert [line.split(":")[2].strip() for line in said.splitlines()] == [
        f"metrics.{name}" for name in metrics
    ]


def test_what_changes_no_number_is_none() -> None:
    same = replaced(
        "formula: answered / (offered - short_abandoned) * 100",
        "formula: (answered / (offered - short_abandoned)) * 100",
    )
    same = same.replace("en: Answer rate", "en: Rate of answers").replace(
        "≥95 % over 24 h", "≥96 %"
    )
    assert same != TEXT
    assert read_catalogue("m.yaml", same, RECORDED).versions() == load_catalogue().versions()


def test_a_new_version_is_recorded_beside_the_old_one(tmp_path: Path) -> None:
    changed = replaced(
        "formula: answered / (offered - short_abandoned) * 100",
        "formula: answered / offered * 100\n    definition_version: 2",
    )
    catalogue = read_catalogue("m.yaml", changed, RECORDED)
    both = merged(RECORDED, catalogue.versions())["answer_rate"]
    assert sorted(both) == [1, 2]
    assert both[1] == RECORDED["answer_rate"][1] != both[2]
    path = write(merged(RECORDED, catalogue.versions()), tmp_path / "versions.yaml")
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["metrics"]["answer_rate"] == both


def test_a_recorded_version_is_never_overwritten() -> None:
    assert merged({"a": {1: "0" * 12}}, {"a": {1: "1" * 12, 2: "2" * 12}}) == {
        "a": {1: "0" * 12, 2: "2" * 12}
    }


def test_a_cell_without_a_key_metric_is_refused() -> None:
    lines = TEXT.splitlines(keepends=True)
    for metric in ("handler_timely", "handler_otr", "handler_csat", "open_per_handler"):
        at = line_of(metric)
        tier = next(i for i in range(at, at + 30) if lines[i] == "    tier: K\n")
        lines[tier] = "    tier: R\n"
    said = refused("".join(lines))
    assert said == (
        f"schemas/metrics.yaml:{TEXT.splitlines().index('metrics:') + 1}: metrics: no key metric "
        "for dimension Y, stage I: give one tier K"
    )
