"""A metric and its SQL in, a panel out: title, unit, goal and description from the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    stat,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models import text as texts

from dashboards import looks
from dashboards.queries import IN_ALL, shown
from dashboards.target import TIMESERIES, Query
from dashboards.words import NO_DATA, STATE, Lang, described, goal, say
from schemas.catalogue import Limits, Metric
from schemas.measures import Text
from schemas.units import UNITS, UNSAID

Panel = stat.Panel | timeseries.Panel | table.Panel | bargauge.Panel | heatmap.Panel | text.Panel
DECIMALS = {
    "count": 0,
    "%": 1,
    "s": 0,
    "min": 1,
    "h": 1,
    "d": 1,
    "ratio": 2,
    "0-1": 2,
    "per 10k": 2,
    "per M": 1,
    "score": 2,
    "pts": 1,
    "± pts": 1,
    "money": 0,
    "rank": 0,
    "class": 0,
    "=": 0,
}
_UNITS = {"%": "percent", "count": "locale", "money": "locale"}


def unit_of(metric: Metric, lang: Lang) -> str:
    """Return Grafana's unit of a metric.

    Seconds stay seconds, as the report gives them: Grafana's own unit makes "2 mins" of 95 s.
    """
    if metric.unit in _UNITS:
        return _UNITS[metric.unit]
    return "none" if metric.unit in UNSAID else f"suffix: {say(UNITS[metric.unit], lang)}"


@dataclass(frozen=True)
class Column:
    """How a column of a table or series is shown: what differs from a plain number.

    `metric` gives name, unit and decimals; `name` overrides its name.
    """

    metric: Metric | None = None
    name: Text | None = None
    unit: str = ""
    decimals: int | None = None
    width: int | None = None
    align: str = ""
    mappings: looks.ValueMappings = field(default_factory=list)
    filled: bool = False
    """Whether the cell has its value's colour."""
    hidden: bool = False
    link: str = ""
    colour: str = ""
    custom: dict[str, object] = field(default_factory=dict)

    def properties(self, lang: Lang) -> list[models.DynamicConfigValue]:
        """Return Grafana's overrides for the column."""
        found: dict[str, object] = {}
        name = self.name or (self.metric.name if self.metric else None)
        if name is not None:
            found["displayName"] = say(name, lang)
        unit = self.unit or (unit_of(self.metric, lang) if self.metric else "")
        if unit:
            found["unit"] = unit
        decimals = self.decimals
        if decimals is None and self.metric is not None:
            decimals = DECIMALS[self.metric.unit]
        if decimals is not None:
            found["decimals"] = decimals
        if self.mappings:
            found["mappings"] = self.mappings
        if self.colour:
            found["color"] = {"mode": "fixed", "fixedColor": self.colour}
        if self.filled:
            found["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
        if self.width is not None:
            found["custom.width"] = self.width
        if self.align:
            found["custom.align"] = self.align
        if self.hidden:
            found["custom.hideFrom"] = {"viz": True, "legend": False, "tooltip": False}
        if self.link:
            title = found.get("displayName", "")
            found["links"] = [{"title": title, "url": self.link, "targetBlank": False}]
        found |= {f"custom.{key}": value for key, value in self.custom.items()}
        return [models.DynamicConfigValue(id_val=key, value=value) for key, value in found.items()]


def state_column(lang: Lang, width: int = 110) -> Column:
    """Return the column that says in a word how a row stands."""
    return Column(
        name=STATE,
        mappings=looks.state_mappings(lang),
        filled=True,
        width=width,
        align="center",
    )


def tile(name: str, sql: str, lang: Lang, title: Text | None = None) -> stat.Panel:
    """Return a metric as one large number, with its state and goal in words below.

    The number itself stays plain: below its least sample a value must not be coloured.
    """
    metric = shown(name).metric
    panel = (
        number(title or metric.name, sql, lang, unit=unit_of(metric, lang))
        .decimals(DECIMALS[metric.unit])
        .description(described(metric, lang))
    )
    return panel if metric.limits is None else with_state(panel, lang, goal(metric, lang))


def with_state(panel: stat.Panel, lang: Lang, said: str) -> stat.Panel:
    """Let the column `state` of a number be told as a word, with the goal behind it."""
    column = Column(mappings=looks.state_mappings(lang, said), unit="none", decimals=0)
    return panel.override_by_name("state", column.properties(lang))


def number(title: Text, sql: str, lang: Lang, *, unit: str) -> stat.Panel:
    """Return a large plain number, or several."""
    return (
        stat.Panel()
        .title(say(title, lang))
        .with_target(Query(sql))
        .unit(unit)
        .decimals(0)
        .no_value(say(NO_DATA, lang))
        .thresholds(looks.thresholds(None))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .text_mode(kinds.BigValueTextMode.VALUE)
        .color_mode(kinds.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .justify_mode(kinds.BigValueJustifyMode.CENTER)
    )


def listing(
    title: Text, sql: str, lang: Lang, columns: dict[str, Column], description: Text
) -> table.Panel:
    """Return a table; its rows come as the SQL orders them, which has `IN_ALL` with a LIMIT."""
    if IN_ALL in sql:
        columns = {"in_all": Column(hidden=True), **columns}
    panel = (
        table.Panel()
        .title(say(title, lang))
        .description(say(description, lang))
        .with_target(Query(sql))
        .unit("none")
        .no_value("–")
        .thresholds(looks.thresholds(None))
        .cell_options(kinds.TableAutoCellOptions())
        .align(kinds.FieldTextAlignment.AUTO)
    )
    for name, column in columns.items():
        panel.override_by_name(name, column.properties(lang))
    return panel


def trend(
    title: Text,
    sql: str,
    lang: Lang,
    columns: dict[str, Column],
    *,
    description: str,
    limits: Limits | None = None,
    bars: bool = False,
) -> timeseries.Panel:
    """Return metrics over time, as lines or stacked bars; a step without a value is a gap."""
    first = next(iter(columns.values())).metric
    if first is None:
        msg = "the first column of a trend is a metric: it gives the axis its unit"
        raise ValueError(msg)
    panel = (
        timeseries.Panel()
        .title(say(title, lang))
        .description(description)
        .with_target(Query(sql, TIMESERIES))
        .unit(unit_of(first, lang))
        .decimals(DECIMALS[first.unit])
        .no_value(say(NO_DATA, lang))
        .min(0)
        .thresholds(looks.thresholds(limits))
        .span_nulls(False)
        .show_points(kinds.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
            .show_legend(len(columns) > 1)
        )
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI))
    )
    if limits is not None:
        panel.thresholds_style(looks.threshold_line())
    if bars:
        panel.draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(85).line_width(0).stacking(
            common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A")
        )
    else:
        panel.draw_style(kinds.GraphDrawStyle.LINE).line_width(2).fill_opacity(12)
    for name, column in columns.items():
        panel.override_by_name(name, column.properties(lang))
    return panel


def bars(title: Text, sql: str, lang: Lang, metric: Metric, description: str) -> bargauge.Panel:
    """Return a bar for each row: its first text is the name, its number the length."""
    return (
        bargauge.Panel()
        .title(say(title, lang))
        .description(description)
        .with_target(Query(sql))
        .unit(unit_of(metric, lang))
        .decimals(DECIMALS[metric.unit])
        .no_value(say(NO_DATA, lang))
        .min(0)
        .thresholds(looks.thresholds(metric.limits, looks.BLUE))
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .display_mode(kinds.BarGaugeDisplayMode.BASIC)
        .value_mode(kinds.BarGaugeValueMode.TEXT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(True))
    )


def grid(title: Text, sql: str, lang: Lang, *, unit: str, description: str) -> heatmap.Panel:
    """Return days from left to right, hours from below, and how much in each hour."""
    return (
        heatmap.Panel()
        .title(say(title, lang))
        .description(description)
        .with_target(Query(sql, TIMESERIES))
        .unit(unit)
        .no_value(say(NO_DATA, lang))
        .max_data_points(1_000)
        .calculate(False)
        .cell_gap(2)
        .cell_values(heatmap.CellValues().unit(unit).decimals(0))
        # Cividis is read alike with and without colour blindness.
        .color(
            heatmap.HeatmapColorOptions()
            .mode(heatmaps.HeatmapColorMode.SCHEME)
            .scheme("Cividis")
            .exponent(0.5)
            .steps(64)
            .reverse(False)
        )
    )


def note(title: Text, content: Text, lang: Lang) -> text.Panel:
    """Return a few sentences in Markdown."""
    return (
        text.Panel()
        .title(say(title, lang))
        .description(say(title, lang))
        .mode(texts.TextMode.MARKDOWN)
        .content(say(content, lang))
    )
