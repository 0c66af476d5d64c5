"""Dashboards in, what would go wrong in Grafana, and what no schema finds, out.

Grafana itself shows a board whose panels overlap, whose links lead nowhere, or whose variables let
a name with a quote break out of its SQL; here it is a problem with the panel's name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from dashboards.board import COLUMNS, SCREEN_ROWS, TITLES
from dashboards.target import DATASOURCE

PANEL_TYPES = frozenset({"bargauge", "heatmap", "stat", "table", "text", "timeseries"})
MACROS = frozenset(
    {"timeFilter", "timeFilter_ms", "fromTime", "toTime", "timeInterval", "interval_s"}
)
"""Those that every version of the plugin expands alike."""
WALLBOARD_PANELS = 12
_UID = re.compile(r"/d/([\w-]+)")
_LANGUAGE = re.compile(r"-(en|zh)\b|'(en|zh)'|^(en|zh)$")
_WORDS = frozenset({"title", "description", "text", "noValue", "displayName", "label", "content"})
"""Keys whose values are said in one language or the other; `unit` may hold a word as well."""

Board = dict[str, Any]


def problems(boards: Mapping[str, Board]) -> Iterator[str]:
    """Yield every problem; the keys are the files' places, such as "en/calls.json"."""
    uids = Counter(board["uid"] for board in boards.values())
    titles = Counter((place[:2], board["title"]) for place, board in boards.items())
    for what, count in {**uids, **titles}.items():
        if count > 1:
            yield f"{what} is given {count} times"
    for place, board in boards.items():
        for text in _board(board, set(uids)):
            yield f"{place}: {text}"
        for panel in board["panels"]:
            for text in _panel(panel):
                yield f"{place}: panel {panel['id']} {panel['title']!r}: {text}"
    for slug in TITLES:
        en, zh = (boards.get(f"{lang}/{slug}.json") for lang in ("en", "zh"))
        if en is None or zh is None or _bare(en) != _bare(zh):
            yield f"{slug}: the languages differ in more than words"


def _board(board: Board, uids: set[str]) -> Iterator[str]:
    if board["schemaVersion"] not in (41, 42):
        yield f"schemaVersion {board['schemaVersion']}: 11.6 to 13 read 41 and 42"
    if not re.fullmatch(r"[1-9]\d*[sm]", board["refresh"]):
        yield f"refresh {board['refresh']!r}: at least 1s, which min_refresh_interval allows"
    for name, count in Counter(panel["id"] for panel in board["panels"]).items():
        if count > 1:
            yield f"panel id {name} is given {count} times"
    for one, other in combinations(board["panels"], 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']!r} and {other['title']!r} overlap"
    if board["uid"].startswith("goldpan-wallboard"):
        rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
        if rows > SCREEN_ROWS or len(board["panels"]) > WALLBOARD_PANELS:
            yield f"{rows} rows, {len(board['panels'])} panels: too much for one look"
    for variable in board["templating"]["list"]:
        yield from _query(variable["query"]["rawSql"])
        if variable["datasource"] != DATASOURCE:
            yield f"variable {variable['name']}: another datasource"
    for uid in _UID.findall(str(board)):
        if uid not in uids:
            yield f"a link to {uid!r}, which does not exist"


def _panel(panel: Board) -> Iterator[str]:
    kind = panel["type"]
    if kind not in PANEL_TYPES:
        yield f"type {kind!r} is not supported"
    for key in ("title", "description"):
        if not panel.get(key):
            yield f"has no {key}"
    if panel.get("timeFrom") and kind != "heatmap":
        yield "has a time of its own, which a look at the board does not tell"
    place = panel["gridPos"]
    if place["x"] + place["w"] > COLUMNS:
        yield f"reaches beyond column {COLUMNS}"
    if kind == "text":
        return
    defaults = panel["fieldConfig"]["defaults"]
    for key in ("unit", "noValue"):
        if not defaults.get(key):
            yield f"has no {key}"
    if kind in ("timeseries", "heatmap") and not panel.get("maxDataPoints"):
        yield "has no maxDataPoints, so its step would follow the screen's width"
    for target in panel["targets"]:
        if target["datasource"] != DATASOURCE or panel["datasource"] != DATASOURCE:
            yield "has another datasource"
        yield from _query(target["rawSql"])


def _query(sql: str) -> Iterator[str]:
    for name in re.findall(r"\$__(\w+)", sql):
        if name not in MACROS:
            yield f"macro $__{name} is not among {', '.join(sorted(MACROS))}"
    for found in re.findall(r"\$\{[^}]*\}|\$(?!__)\w+", sql):
        if not re.fullmatch(r"\$\{\w+:singlequote\}", found):
            yield f"{found}: write ${{name:singlequote}}, or a quote in a name breaks the SQL"


def _overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    down = one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
    return across and down


def _bare(value: Any, key: str = "") -> Any:
    """Return a board without its words: what its twin in the other language must equal."""
    if isinstance(value, dict):
        is_named = value.get("id") in ("displayName", "unit")
        return {
            k: "" if is_named and k == "value" and isinstance(v, str) else _bare(v, k)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [_bare(item, key) for item in value]
    if isinstance(value, str):
        is_word = key in _WORDS or (key == "unit" and value.startswith("suffix:"))
        is_word = is_word or key in ("display", "definition")
        return "" if is_word else _LANGUAGE.sub("", value)
    return value
