"""For managers: how today, the week or the month goes, and against what it was before."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, heatmap, table

from dashboards import looks
from dashboards.board import Placed, Time, compose
from dashboards.panels import Column, grid, listing, tile
from dashboards.parts import calls_over_time, freshness, metric_over_time
from dashboards.queries import SITE, ZONE, selection, shown, total
from dashboards.words import Lang, described, say
from schemas.measures import Text
from schemas.units import UNITS, UNSAID

COMPARED = ("service_level", "abandon_rate", "asa", "aht", "offered")
BEFORE = {
    "before": (
        Text(zh="较前期", en="vs before"),
        "toIntervalDay(ceil(dateDiff('second', $__fromTime, $__toTime) / 86400))",
    ),
    "month": (Text(zh="较上月", en="vs month"), "INTERVAL 1 MONTH"),
    "quarter": (Text(zh="较上季", en="vs quarter"), "INTERVAL 3 MONTH"),
    "year": (Text(zh="较去年", en="vs year"), "INTERVAL 1 YEAR"),
}
"""What a period is compared with, and how far back that lies: whole days, for hours differ."""
RANGES = (
    (Text(zh="今天", en="Today"), "now/d"),
    (Text(zh="7 天", en="7 days"), "now-7d"),
    (Text(zh="30 天", en="30 days"), "now-30d"),
)


def build(lang: Lang) -> dashboard.Dashboard:
    """Return the board of calls in a language."""
    stats = ("service_level", "abandon_rate", "asa", "aht", "offered")
    tiles = [tile(name, total(name), lang) for name in stats]
    return compose(
        "calls",
        lang,
        Text(
            zh="话务的趋势与对比：今天、7 天、30 天",
            en="Calls: trends and comparisons over today, 7 days, 30 days",
        ),
        Time("now/d", "10s", RANGES),
        [
            *(Placed(panel, 4 * i, 0, 4, 6) for i, panel in enumerate(tiles)),
            Placed(freshness(lang), 20, 0, 4, 6),
            Placed(calls_over_time(lang), 0, 6, 12, 10),
            Placed(metric_over_time("service_level", lang), 12, 6, 6, 10),
            Placed(metric_over_time("abandon_rate", lang), 18, 6, 6, 10),
            Placed(compared(lang), 0, 16, 14, 11),
            Placed(by_hour(lang), 14, 16, 10, 11),
        ],
    )


def compared(lang: Lang) -> table.Panel:
    """Each metric, and how it changed: a sign for the direction, a triangle for the judgement."""
    rows = selection(COMPARED)
    values = ", ".join(
        f"if(count() = 0, NULL, {shown(name).value(rows.total)}) AS {name}" for name in COMPARED
    )
    first = f"SELECT {rows.time} FROM {rows.source} WHERE {' AND '.join(rows.where(SITE))}"
    known_from = f"({first} ORDER BY {rows.time} LIMIT 1)"
    periods = []
    for key, (_, back) in {"now": (None, "INTERVAL 0 SECOND"), **BEFORE}.items():
        during = [f"{rows.time} >= $__fromTime - {back}", f"{rows.time} <= $__toTime - {back}"]
        if key != "now":
            # A period of which a part lies before all data would be compared with that part only.
            during.append(f"{known_from} <= $__fromTime - {back}")
        where = " AND ".join([*rows.where(SITE), *during])
        periods.append(f"SELECT '{key}' AS key, {values} FROM {rows.source} WHERE {where}")
    pairs = ", ".join(f"('{name}', toFloat64({name}))" for name in COMPARED)
    changes = ",\n  ".join(_change(key) for key in BEFORE)
    sql = (
        f"SELECT metric, round(now, 1) AS now,\n  {changes}\n"
        "FROM (\nSELECT pair.1 AS metric, maxIf(pair.2, key = 'now') AS now, "
        + ", ".join(f"now - maxIf(pair.2, key = '{key}') AS d_{key}" for key in BEFORE)
        + f",\n  {_better()} AS better\nFROM (\n"
        + "\nUNION ALL\n".join(periods)
        + f"\n) ARRAY JOIN [{pairs}] AS pair\nGROUP BY metric\n)\n"
        f"ORDER BY indexOf([{', '.join(map(repr, COMPARED))}], metric)"
    )
    columns = {
        "metric": Column(
            name=Text(zh="指标", en="Metric"),
            mappings=looks.words({name: (_labelled(name, lang), "") for name in COMPARED}),
        ),
        "now": Column(name=Text(zh="本时段", en="This period"), unit="locale", align="right"),
    }
    columns |= {
        key: Column(name=name, align="right", mappings=looks.judged())
        for key, (name, _) in BEFORE.items()
    }
    return listing(
        Text(zh="对比", en="Compared"),
        sql,
        lang,
        columns,
        Text(
            zh=(
                "本时段与更早的同长时段之差；▲ 变好，▼ 变差，其余无好坏之分；"
                "数据未覆盖整个更早时段时不作比较"
            ),
            en=(
                "This period less earlier ones of the same length; ▲ better, ▼ worse, else "
                "neither; nothing where the data do not cover the whole of the earlier period"
            ),
        ),
    )


def _change(key: str) -> str:
    """Return SQL for a difference in words: "+3.2 ▲"."""
    d = f"d_{key}"
    mark = f"multiIf({d} * better > 0, ' ▲', {d} * better < 0, ' ▼', '')"
    sign = f"if({d} < 0, '−', '+')"
    said = f"concat({sign}, toString(round(abs({d}), 1)), {mark})"
    return f"if({d} IS NULL, NULL, {said}) AS {key}"


def _better() -> str:
    """Return SQL for the sign of a change for the better, by the catalogue's direction."""
    signs = {"H": 1, "L": -1}
    cases = [
        f"metric = '{name}', {signs[direction]}"
        for name in COMPARED
        if (direction := shown(name).metric.direction) in signs
    ]
    return f"multiIf({', '.join(cases)}, 0)"


def _labelled(name: str, lang: Lang) -> str:
    metric = shown(name).metric
    name = say(metric.name, lang)
    if metric.unit in UNSAID:
        return name
    unit = say(UNITS[metric.unit], lang)
    return f"{name}（{unit}）" if lang == "zh" else f"{name}, {unit}"


def by_hour(lang: Lang) -> heatmap.Panel:
    """When calls come: the hours of each day, in the centre's time zone."""
    rows = selection(["offered"])
    metric = shown("offered").metric
    where = " AND ".join([*rows.where(SITE), f"$__timeFilter({rows.time})"])
    sql = (
        f"SELECT toStartOfDay({rows.moment}, {ZONE}) AS time,\n"
        f"  leftPad(toString(toHour({rows.moment}, {ZONE})), 2, '0') AS hour,\n"
        f"  {shown('offered').value(rows.total)} AS offered\n"
        f"FROM {rows.source}\nWHERE {where}\nGROUP BY time, hour\nORDER BY time, hour"
    )
    title = Text(zh="来电时刻，最近 30 天", en="When calls come, last 30 days")
    panel = grid(title, sql, lang, unit="locale", description=described(metric, lang))
    return panel.time_from("30d")
