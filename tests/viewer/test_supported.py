"""What the page can draw: every panel type and option of the shipped boards is one of these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.viewer.boards import panels

STATIC = Path(__file__).parents[2] / "pipeline" / "viewer" / "static"
ANY = object()
REDUCED = {"calcs": ["lastNotNull"], "fields": "", "values": False}

# Options by panel type, with the values that are drawn as Grafana draws them. Where the value is
# ANY, either every value is drawn, or it changes what people do (sort, select), not what they see.
OPTIONS: dict[str, dict[str, Any]] = {
    "stat": {
        "colorMode": ["background_solid"],
        "graphMode": ["none"],
        "justifyMode": ["center"],
        "orientation": ["horizontal"],
        "percentChangeColorMode": ANY,
        "reduceOptions": [REDUCED, {**REDUCED, "fields": "/.*/"}],
        "showPercentChange": [False],
        "textMode": ["value"],
        "wideLayout": ANY,
    },
    "table": {
        "cellHeight": ANY,
        "frameIndex": [0],
        "showHeader": [True],
        "showTypeIcons": [False],
    },
    "bargauge": {
        "displayMode": ["basic"],
        "legend": ANY,
        "maxVizHeight": ANY,
        "minVizHeight": ANY,
        "minVizWidth": ANY,
        "namePlacement": ["auto"],
        "orientation": ["horizontal"],
        "reduceOptions": [{**REDUCED, "values": True}],
        "showUnfilled": [True],
        "sizing": ["auto"],
        "valueMode": ["text"],
    },
    "timeseries": {"legend": ANY, "tooltip": ANY},
    "heatmap": {
        "calculate": [False],
        "cellGap": ANY,
        "cellValues": ANY,
        "color": ANY,
        "exemplars": ANY,
        "filterValues": ANY,
        "legend": ANY,
        "selectionMode": ANY,
        "showValue": ANY,
        "tooltip": ANY,
        "yAxis": ANY,
    },
    "text": {"content": ANY, "mode": ["markdown"]},
}
UNITS = re.compile(r"percent|locale|none|s|suffix: \S+|dateTimeAsLocal")
DEFAULTS = {"color", "custom", "decimals", "mappings", "min", "noValue", "thresholds", "unit"}
OVERRIDES = {"color", "decimals", "displayName", "links", "mappings", "unit"}
CUSTOM = {"align", "cellOptions", "hideFrom", "width"}
MAPPINGS = {"value", "special", "regex"}

each_panel = pytest.mark.parametrize(
    "panel", [p for _, p in panels()], ids=[n for n, _ in panels()]
)


@each_panel
def test_options_are_drawn(panel: dict[str, Any]) -> None:
    known = OPTIONS[panel["type"]]
    for name, value in panel["options"].items():
        assert name in known, name
        assert known[name] is ANY or value in known[name], (name, value)


@each_panel
def test_fields_are_drawn(panel: dict[str, Any]) -> None:
    config = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
    assert set(config["defaults"]) <= DEFAULTS
    for name, value in [*config["defaults"].items(), *overridden(config)]:
        if name == "unit":
            assert UNITS.fullmatch(value), value
        if name == "mappings":
            assert {mapping["type"] for mapping in value} <= MAPPINGS
        if name == "thresholds":
            assert value["mode"] == "absolute"


def overridden(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for rule in config["overrides"]:
        assert rule["matcher"]["id"] == "byName"
        for item in rule["properties"]:
            name = item["id"]
            assert name in OVERRIDES or name.removeprefix("custom.") in CUSTOM, name
            yield name, item["value"]


def test_the_page_has_a_drawing_for_each_type() -> None:
    script = (STATIC / "viewer.js").read_text()
    drawn = re.search(r"const DRAW = \{ (.*?) \}", script)
    assert drawn is not None
    assert set(drawn[1].split(", ")) == set(OPTIONS)


def test_nothing_of_the_page_becomes_markup() -> None:
    """Queue names are strangers' words: they are only ever set as text."""
    for file in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", file.read_text()
        )
