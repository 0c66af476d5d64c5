"""Which of several definitions a site goes by: its configuration decides, for report and boards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from clickhouse_driver import Client

from dashboards.queries import SITE, grouped, total
from pipeline.__main__ import main
from pipeline.commands.common import EXAMPLE_SITE
from pipeline.config import canonical_json, content_hash, read_site
from pipeline.errors import ConfigError
from pipeline.report import Report
from pipeline.report_output import as_json
from pipeline.viewer.macros import TimeRange, expand
from schemas.catalogue import load_catalogue
from tests.test_report import SHANGHAI, at, put_minutes

EXAMPLE = EXAMPLE_SITE.read_text(encoding="utf-8")
DAY = TimeRange(int(at().timestamp() * 1000), int(at(day=1).timestamp() * 1000) - 1)
# 120 offered: 90 answered and handled, 5 short abandons and 15 later ones, 10 flow-outs.
COUNTS = {"contacts": 120, "offered": 120, "answered": 90, "handled": 90, "flow_out": 10}
COUNTS |= {"abandoned": 20, "short_abandoned": 5}
VARIANTS = {
    "without_short": 15 / 115 * 100,  # (20 - 5) / (120 - 5)
    "all": 20 / 120 * 100,
    "of_outcomes": 15 / 105 * 100,  # (20 - 5) / (90 + 20 - 5)
}


@pytest.fixture(scope="module", autouse=True)
def rows(store: Client) -> None:
    for site in VARIANTS:
        put_minutes(store, site, COUNTS, {"dims": "queue", "queue": "q", **COUNTS})
        text = EXAMPLE.replace("abandon_rate: without_short", f"abandon_rate: {site}")
        config = read_site("site.yaml", text)
        values = [(site, content_hash(config), canonical_json(config))]
        store.execute("INSERT INTO configs (site, hash, content) VALUES", values)


def asked(store: Client, sql: str, site: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = store.execute(expand(sql.replace(SITE, f"'{site}'"), DAY))
    return rows


@pytest.mark.parametrize("site", VARIANTS)
def test_boards_go_by_the_sites_variant(store: Client, site: str) -> None:
    [(rate, _)] = asked(store, total("abandon_rate"), site)
    assert rate == pytest.approx(VARIANTS[site])
    samples = {"without_short": 115, "all": 120, "of_outcomes": 105}
    [(queue, rate, sample)] = asked(store, grouped(["abandon_rate"], "queue"), site)
    assert (queue, sample) == ("q", samples[site])
    assert rate == pytest.approx(VARIANTS[site])


def test_a_board_of_a_site_without_configuration_has_the_default(store: Client) -> None:
    put_minutes(store, "unconfigured", COUNTS)
    [(rate, _)] = asked(store, total("abandon_rate"), "unconfigured")
    assert rate == pytest.approx(VARIANTS["without_short"])


@pytest.mark.parametrize("site", VARIANTS)
def test_the_report_goes_by_it_too_and_shows_any_beside_it(store: Client, site: str) -> None:
    catalogue = load_catalogue().using({"abandon_rate": site})
    metrics = ["abandon_rate", *(f"abandon_rate:{name}" for name in VARIANTS)]
    table = Report(metrics, site, SHANGHAI, catalogue=catalogue).run(store)
    assert table.rows[0].values == pytest.approx((VARIANTS[site], *VARIANTS.values()))
    columns = json.loads(as_json(table))["columns"]
    assert [column["variant"] for column in columns] == [site, *VARIANTS]
    assert {column["definition_version"] for column in columns} == {1}


def test_json_says_the_version_of_what_has_one(store: Client) -> None:
    metrics = ["asa", "x=offered"]
    table = Report(metrics, "all", SHANGHAI, catalogue=load_catalogue()).run(store)
    told = [(c["variant"], c["definition_version"]) for c in json.loads(as_json(table))["columns"]]
    assert told == [(None, 1), (None, None)]


def test_show_marks_the_sites_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(EXAMPLE.replace("service_level: V1", "service_level: V3"), encoding="utf-8")
    assert main(["metrics", "show", "service_level", "--site", str(file)]) == 0
    marked = [line for line in capsys.readouterr().out.splitlines() if "(default)" in line]
    assert [line.split()[1] for line in marked] == ["V3"]


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        (
            "service_level: V1",
            "service_level: V7",
            "variants.service_level: no variant 'V7' of service_level to go by; known: V1, V2, V3",
        ),
        (
            "service_level: V1",
            "service_levl: V1",
            "variants.service_levl: no metric 'service_levl'; did you mean 'service_level'?",
        ),
        (
            "service_level: V1",
            "offered: V1",
            "variants.offered: no variant 'V1' of offered to go by; it has one definition only",
        ),
        # The same, less exactly, from another table: not another definition.
        (
            "service_level: V1",
            "wait_p90: sketch",
            "variants.wait_p90: no variant 'sketch' of wait_p90 to go by; known: all_exits, answe",
        ),
    ],
)
def test_a_choice_that_there_is_not_is_refused(right: str, wrong: str, problem: str) -> None:
    line = EXAMPLE.splitlines().index(f"  {right}") + 1
    with pytest.raises(ConfigError) as refused:
        read_site("site.yaml", EXAMPLE.replace(f"  {right}", f"  {wrong}"))
    assert str(refused.value).startswith(f"site.yaml:{line}: {problem}")
