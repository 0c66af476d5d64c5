"""What values mean in, their colours and words out. Colour means severity and nothing else.

The colours are those of Okabe and Ito (2008), told apart by the colour-blind; a word or a sign
stands beside every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import common, dashboard
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode

from dashboards.queries import STATE_CODES
from dashboards.words import NO_DATA, STATES, Lang, say
from schemas.catalogue import Limits

OK, WARN, CRIT = "#009E73", "#E69F00", "#D55E00"
FEW, NONE = "#5B6672", "#3A424C"
PLAIN = "#1B2129"
"""A tile that says nothing about severity."""
BLUE, SKY, PINK, GREY = "#4EA3E0", "#8CCBF2", "#CC79A7", "#9AA5B1"
"""Series that mean no severity."""
STATE_COLOURS = {"few": FEW, "ok": OK, "warn": WARN, "crit": CRIT}

ValueMappings = list[models.ValueMap | models.RangeMap | models.RegexMap | models.SpecialValueMap]


def state_mappings(lang: Lang, goal: str = "") -> ValueMappings:
    """Return the words and colours of the column `state`; the goal stands behind each word."""
    results = {
        str(STATE_CODES[name]): models.ValueMappingResult(
            text=f"{say(text, lang)} – {goal}" if goal else say(text, lang),
            color=STATE_COLOURS[name],
            index=index,
        )
        for index, (name, text) in enumerate(STATES.items())
    }
    return [models.ValueMap(options=results), nothing(lang, goal)]


def nothing(lang: Lang, goal: str = "") -> models.SpecialValueMap:
    """Return the mapping of a missing value, which is not zero; the goal still stands."""
    return models.SpecialValueMap(
        options=models.DashboardSpecialValueMapOptions(
            match=models.SpecialValueMatch.NULL,
            result=models.ValueMappingResult(
                text=goal or say(NO_DATA, lang), color=NONE, index=len(STATES)
            ),
        )
    )


def words(texts: Mapping[str, tuple[str, str]]) -> ValueMappings:
    """Return mappings of values to (word, colour)."""
    return [
        models.ValueMap(
            options={
                value: models.ValueMappingResult(text=text, color=colour or None, index=index)
                for index, (value, (text, colour)) in enumerate(texts.items())
            }
        )
    ]


def judged() -> ValueMappings:
    """Return the colours of changes that end in ▲ for the better or ▼ for the worse."""
    return [
        models.RegexMap(
            options=models.DashboardRegexMapOptions(
                pattern=f"/{mark}$/",
                result=models.ValueMappingResult(color=colour, index=index),
            )
        )
        for index, (mark, colour) in enumerate((("▲", OK), ("▼", CRIT)))
    ]


def thresholds(limits: Limits | None, base: str = PLAIN) -> dashboard.ThresholdsConfig:
    """Return Grafana's steps, upwards; one colour where a metric has no limits."""
    steps: list[tuple[float | None, str]] = [(None, base)]
    if limits is not None and limits.crit < limits.warn:
        steps = [(None, CRIT), (limits.crit, WARN), (limits.warn, OK)]
    elif limits is not None:
        steps = [(None, OK), (limits.warn, WARN), (limits.crit, CRIT)]
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )


def threshold_line() -> common.GraphThresholdsStyleConfig:
    """Return thresholds drawn as dashed lines."""
    return common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
