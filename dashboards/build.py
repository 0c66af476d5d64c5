"""The boards flow in, a JSON file for each in every language flows out, or what is wrong there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import agents, calls, health, lint, queue, tickets, wallboard
from dashboards.words import LANGS, Lang

BOARDS: Mapping[str, Callable[[Lang], dashboard.Dashboard]] = {
    "wallboard": wallboard.build,
    "calls": calls.build,
    "queue": queue.build,
    "agents": agents.build,
    "tickets": tickets.build,
    "health": health.build,
}
GENERATED = Path(__file__).parent / "generated"


def files() -> Iterator[tuple[str, str]]:
    """Yield each file's place below `generated/`, and its text."""
    for lang in LANGS:
        for slug, build in BOARDS.items():
            model = json.loads(json.dumps(build(lang).build(), cls=JSONEncoder))
            prune(model)
            text = json.dumps(model, ensure_ascii=False, indent=2, sort_keys=True)
            yield f"{lang}/{slug}.json", text + "\n"


def prune(model: dict[str, Any]) -> None:
    """Take out what the SDK adds unasked: links hidden in a menu, keys that Grafana 13 dropped."""
    for link in model["links"]:
        del link["placement"]
    for variable in model["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):
            variable.pop(key, None)
    for panel in model["panels"]:
        panel.get("options", {}).pop("footer", None)


def write(directory: Path = GENERATED) -> list[str]:
    """Write the files that differ; returns their places. Files that no board owns are removed."""
    changed = differing(directory)
    wanted = dict(files())
    for place in changed:
        path = directory / place
        if place in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[place], encoding="utf-8")
        else:
            path.unlink()
    return changed


def problems(directory: Path = GENERATED) -> list[str]:
    """Return what is out of date, and what would go wrong in Grafana."""
    old = [f"{place}: out of date: run goldpan dashboards build" for place in differing(directory)]
    return [*old, *lint.problems({place: json.loads(text) for place, text in files()})]


def differing(directory: Path = GENERATED) -> list[str]:
    """Return the places of files that are not what the boards make of themselves."""
    wanted = dict(files())
    there = {
        path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8")
        for path in directory.glob("*/*.json")
    }
    return sorted(place for place in {*wanted, *there} if wanted.get(place) != there.get(place))
