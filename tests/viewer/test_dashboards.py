"""The committed boards are what the code gives, and Grafana can read them: four layers of proof."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import build, lint, target
from pipeline.__main__ import main
from schemas.catalogue import load_catalogue
from tests.viewer.boards import BOARDS, panels

ROOT = Path(__file__).parents[2]
SCHEMAS = json.loads((Path(__file__).parent / "grafana" / "grafana.schema.json").read_text())
Board = dict[str, Any]
each_board = pytest.mark.parametrize("place", BOARDS)
each_panel = pytest.mark.parametrize(
    "panel", [p for _, p in panels()], ids=[n for n, _ in panels()]
)


def errors(schema: str, value: object) -> list[str]:
    found = jsonschema.Draft7Validator(SCHEMAS[schema]).iter_errors(value)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in found]


def test_what_is_committed_is_what_the_code_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "check"]) == 0, capsys.readouterr().err
    assert len(BOARDS) == 2 * len(build.BOARDS)


def test_a_board_that_differs_or_is_left_over_is_told_and_mended(tmp_path: Path) -> None:
    assert build.write(tmp_path) == sorted(BOARDS)
    (tmp_path / "en" / "calls.json").write_text("{}")
    (tmp_path / "en" / "gone.json").write_text("{}")
    assert build.differing(tmp_path) == ["en/calls.json", "en/gone.json"]
    assert [text.split(":")[0] for text in build.problems(tmp_path)] == build.write(tmp_path)
    assert build.problems(tmp_path) == []


@each_board
def test_the_sdk_knows_every_key(place: str) -> None:
    """A key that it does not know would vanish when it reads the file and writes it again."""
    plugins.register_default_plugins()
    target.register()
    again = json.loads(json.dumps(Dashboard.from_json(BOARDS[place]).to_json(), cls=JSONEncoder))
    build.prune(again)
    assert again == BOARDS[place]


@each_board
def test_grafanas_own_types_fit_the_board(place: str) -> None:
    assert errors("dashboard", BOARDS[place]) == []


@each_panel
def test_grafanas_own_types_fit_the_panel(panel: Board) -> None:
    assert errors(panel["type"], panel["options"]) == []
    custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom")
    if custom is not None:
        assert errors(f"{panel['type']}.custom", custom) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: p["options"].update(colorMode="backgroud"), "is not one of"),
        (lambda p: p["options"].update(colour="red"), "'colour' was unexpected"),
        (lambda p: p["options"]["reduceOptions"].update(calcs="last"), "is not of type 'array'"),
    ],
)
def test_the_types_find_what_is_wrong(change: Callable[[Board], None], told: str) -> None:
    panel = copy.deepcopy(BOARDS["en/wallboard.json"]["panels"][0])
    change(panel)
    assert any(told in text for text in errors("stat", panel["options"]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda b: b.update(uid="goldpan-calls-en"), "goldpan-calls-en is given 2 times"),
        (lambda b: b.update(refresh=""), "at least 1s"),
        (lambda b: b["panels"][1].update(id=1), "panel id 1 is given 2 times"),
        (lambda b: b["panels"][1]["gridPos"].update(x=1), "overlap"),
        (lambda b: b["panels"][0]["gridPos"].update(x=21), "reaches beyond column 24"),
        (lambda b: b["panels"][8]["gridPos"].update(h=30), "too much for one look"),
        (lambda b: b["links"][0].update(url="/d/goldpan-none-en"), "which does not exist"),
        (lambda b: b["panels"][0].update(type="gauge"), "'gauge' is not supported"),
        (lambda b: b["panels"][0].update(description=""), "has no description"),
        (lambda b: b["panels"][0]["fieldConfig"]["defaults"].pop("noValue"), "has no noValue"),
        (lambda b: b["panels"][0]["datasource"].update(uid="x"), "has another datasource"),
        (lambda b: b["panels"][0]["targets"][0].update(rawSql="$__lttb(a)"), "$__lttb is not"),
        (lambda b: b["panels"][0]["targets"][0].update(rawSql="a = '$site'"), "$site: write"),
        (lambda b: b["panels"][0]["options"].update(graphMode="area"), "more than words"),
    ],
)
def test_lint_finds_what_no_schema_finds(change: Callable[[Board], object], told: str) -> None:
    boards = copy.deepcopy(BOARDS)
    assert list(lint.problems(boards)) == []
    change(boards["en/wallboard.json"])
    assert any(told in text for text in lint.problems(boards)), list(lint.problems(boards))


def test_words_are_in_the_boards_language() -> None:
    for place, board in BOARDS.items():
        texts = [board["title"], board["description"]]
        texts += [panel[key] for panel in board["panels"] for key in ("title", "description")]
        for text in texts:
            chinese = any("\u4e00" <= sign <= "\u9fff" for sign in text)
            assert chinese == place.startswith("zh/"), text


def test_colours_and_goals_are_the_catalogues() -> None:
    metric = load_catalogue().metrics["service_level"]
    panel = BOARDS["en/wallboard.json"]["panels"][0]
    assert panel["title"] == metric.name.en
    assert panel["description"].startswith(metric.description.en)
    assert metric.limits is not None
    assert f"goal ≥ {metric.limits.warn:g} %" in json.dumps(panel, ensure_ascii=False)
    assert f"service_level < {metric.limits.crit:g}, 3" in panel["targets"][0]["rawSql"]


def test_provisioning_names_what_the_boards_name() -> None:
    provisioning = ROOT / "infra" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "goldpan.yaml").read_text())[
        "datasources"
    ]
    assert {"type": source["type"], "uid": source["uid"]} == target.DATASOURCE
    providers = yaml.safe_load((provisioning / "dashboards" / "goldpan.yaml").read_text())
    paths = {provider["options"]["path"] for provider in providers["providers"]}
    assert {Path(path).name for path in paths} == {place.split("/")[0] for place in BOARDS}
    assert all(provider["folderUid"] for provider in providers["providers"])
    settings = (ROOT / "infra" / "grafana" / "grafana.ini").read_text()
    assert "default_home_dashboard_path = /etc/goldpan/dashboards/en/wallboard.json" in settings
    assert "min_refresh_interval = 1s" in settings
