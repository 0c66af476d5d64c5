"""Whether the pipeline can be trusted: is it fresh, what did it refuse, what came late or twice."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, dashboard, table, timeseries

from dashboards import looks
from dashboards.board import Placed, Time, compose
from dashboards.panels import Column, bars, listing, note, tile, trend
from dashboards.parts import freshness
from dashboards.queries import CONFIG, IN_ALL, SITE, grouped, named, series, shown, total
from dashboards.words import Lang, described, say
from schemas.measures import Text

STATS = ("events", "late_rate", "duplicate_rate", "rejected")
RANGES = (
    (Text(zh="1 小时", en="1 hour"), "now-1h"),
    (Text(zh="今天", en="Today"), "now/d"),
    (Text(zh="7 天", en="7 days"), "now-7d"),
)
READING = Text(
    zh=(
        "**数据时效**超过 60 秒：先看 `goldpan run` 与存储是否在运行。\n\n"
        "**迟到**的事件仍计入，此前的数字随之修订。**重复**的事件不再计入。\n\n"
        "**死信**：用 `goldpan dead-letters list` 看原因与处理办法。"
    ),
    en=(
        "**Data age** beyond 60 s: see first whether `goldpan run` and the store are up.\n\n"
        "**Late** events count, and revise what was shown. "
        "**Duplicates** are not counted again.\n\n"
        "**Dead letters**: `goldpan dead-letters list` gives the reason and what to do."
    ),
)


def build(lang: Lang) -> dashboard.Dashboard:
    """Return the board of the pipeline itself in a language."""
    tiles = [freshness(lang), *(tile(name, total(name), lang) for name in STATS)]
    return compose(
        "health",
        lang,
        Text(
            zh="管道本身：时效、死信、迟到与重复",
            en="The pipeline itself: age, dead letters, late events and duplicates",
        ),
        Time("now-1h", "5s", RANGES),
        [
            *(Placed(panel, 4 * i, 0, 4, 6) for i, panel in enumerate(tiles)),
            Placed(note(Text(zh="怎么看", en="How to read it"), READING, lang), 20, 0, 4, 16),
            Placed(arrivals(lang), 0, 6, 20, 10),
            Placed(by_source(lang), 0, 16, 14, 11),
            Placed(reasons(lang), 14, 16, 10, 11),
        ],
    )


def arrivals(lang: Lang) -> timeseries.Panel:
    """What arrived, step by step."""
    metric = shown("events").metric
    return (
        trend(
            metric.name,
            series(("events",)),
            lang,
            {"events": Column(metric, colour=looks.BLUE)},
            description=described(metric, lang),
            bars=True,
        )
        .interval("1m")
        .max_data_points(100)
    )


def by_source(lang: Lang) -> table.Panel:
    """What each source sent."""
    names = ("events", "late_rate", "duplicate_rate", "rejected")
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT {IN_ALL}, {named('code', 'sources', lang)} AS source, {', '.join(names)}\nFROM (\n"
        f"SELECT source AS code, {', '.join(names)}\nFROM (\n{grouped(names, 'source')}\n)\n)\n"
    )
    columns = {"source": Column(name=Text(zh="来源", en="Source"))}
    columns |= {name: Column(shown(name).metric, align="right") for name in names}
    return listing(
        Text(zh="按来源", en="By source"),
        f"{sql}ORDER BY rejected DESC, events DESC LIMIT 50",
        lang,
        columns,
        Text(
            zh="每个来源送来多少，其中多少迟到、重复或无法计入",
            en="how much each source sent, and how much of it was late, double or not countable",
        ),
    )


def reasons(lang: Lang) -> bargauge.Panel:
    """Why events became dead letters."""
    sql = (
        "SELECT reason, toInt64(count()) AS rejected\nFROM dead_letters FINAL\n"
        f"WHERE site = {SITE} AND $__timeFilter_ms(ingest_time)\n"
        "GROUP BY reason\nORDER BY rejected DESC LIMIT 8"
    )
    metric = shown("rejected").metric
    title = Text(zh="死信的原因", en="Why dead letters")
    panel = bars(title, sql, lang, metric, described(metric, lang))
    return panel.no_value(say(Text(zh="没有死信", en="no dead letters"), lang))
