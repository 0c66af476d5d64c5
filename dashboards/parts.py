"""Panels that stand on more than one board."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import stat, table, timeseries

from dashboards import looks
from dashboards.board import uid
from dashboards.panels import (
    DECIMALS,
    Column,
    listing,
    number,
    state_column,
    trend,
    unit_of,
    with_state,
)
from dashboards.queries import CONFIG, IN_ALL, SITE, grouped, named, series, shown, state
from dashboards.words import Lang, described, say
from schemas.catalogue import Limits
from schemas.measures import Text

STALE = Limits(warn=10, crit=60)
"""Seconds without a write after which a board is old, and after which it says nothing any more."""
QUEUE_GAP = Limits(warn=0, crit=-10)
"""Points above a queue's own target; the rule SL_LOW fires at 10 below as well."""
_OWN_TARGET = (
    "coalesce(JSONExtract(config, 'queues', queue, 'target_pct', 'Nullable(Float64)'),"
    " JSONExtract(config, 'defaults', 'service_level', 'target_pct', 'Nullable(Float64)'))"
)
"""SQL: the target that the site's configuration gives to `queue`."""


def queues(lang: Lang) -> table.Panel:
    """Every queue with contacts, worst first, each against its own target."""
    calls = ("service_level", "abandon_rate", "offered")
    waiting = ("calls_waiting", "oldest_waiting")
    least = shown("service_level").metric.min_sample
    limits = shown("oldest_waiting").metric.limits
    if limits is None:
        msg = "oldest_waiting: a board needs its limits"
        raise ValueError(msg)
    level = state("gap", QUEUE_GAP, "service_level_n", least)
    wait = f"if(calls_waiting = 0, NULL, {state('oldest_waiting', limits)})"
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT {IN_ALL}, queue, {named('queue', 'queues', lang)} AS name,\n"
        f"  nullIf(greatest(ifNull({level}, -1), ifNull({wait}, -1)), -1) AS state,\n"
        f"  {', '.join(waiting)}, agents_ready, service_level, target, abandon_rate, offered\n"
        f"FROM (\nSELECT *, {_OWN_TARGET} AS target, service_level - target AS gap\n"
        f"FROM (\n{grouped(calls, 'queue')}\n) AS c\n"
        f"FULL OUTER JOIN (\n{grouped(waiting, 'queue')}\n) AS w USING (queue)\n"
        f"LEFT JOIN (\n{grouped(('agents_ready',), 'queue')}\n) AS a USING (queue)\n"
        "WHERE queue != '' AND (offered > 0 OR calls_waiting > 0)\n)\n"
        "ORDER BY state DESC NULLS LAST, oldest_waiting DESC, gap, offered DESC LIMIT 8"
    )
    columns = {
        "queue": Column(hidden=True),
        "name": Column(
            name=Text(zh="队列", en="Queue"),
            link=f"/d/{uid('queue', lang)}?${{site:queryparam}}&var-queue=${{__data.fields.queue}}",
        ),
        "state": state_column(lang),
        "target": Column(
            name=Text(zh="目标", en="Target"), unit="percent", decimals=0, align="right"
        ),
    }
    short = {
        "calls_waiting": Text(zh="排队", en="Waiting"),
        "oldest_waiting": Text(zh="最久", en="Longest"),
        "agents_ready": Text(zh="可用坐席", en="Ready"),
        "abandon_rate": Text(zh="放弃率", en="Abandoned"),
        "offered": Text(zh="来电", en="Offered"),
    }
    columns |= {
        metric: Column(shown(metric).metric, name=short.get(metric), align="right")
        for metric in (*waiting, "agents_ready", *calls)
    }
    return listing(
        Text(zh="队列，最差在前", en="Queues, worst first"),
        sql,
        lang,
        columns,
        Text(
            zh=(
                "状态取两者中更差的：服务水平低于本队列目标为预警，低 10 个百分点以上为严重，"
                "不足 20 个联络不判定；排队最久超过 60 秒为预警，超过 120 秒为严重"
            ),
            en=(
                "State is the worse of two: service level below the queue's own target is a "
                "warning, more than 10 points below is critical, fewer than 20 contacts are not "
                "judged; the longest wait now beyond 60 s is a warning, beyond 120 s critical"
            ),
        ),
    )


def calls_over_time(lang: Lang, where: Sequence[str] = ()) -> timeseries.Panel:
    """What became of the calls, step by step."""
    columns = {
        "answered": Column(shown("answered").metric, colour=looks.BLUE),
        "abandoned": Column(shown("abandoned").metric, colour=looks.PINK),
    }
    return (
        trend(
            Text(zh="接通与放弃", en="Answered and abandoned"),
            series(tuple(columns), where),
            lang,
            columns,
            description=described(shown("abandoned").metric, lang),
            bars=True,
        )
        .interval("1m")
        .max_data_points(100)
    )


def queue_service_level(lang: Lang, where: Sequence[str]) -> stat.Panel:
    """The service level of one queue, judged by the queue's own target."""
    metric = shown("service_level").metric
    level = state("value - target", QUEUE_GAP, "sample", metric.min_sample)
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT maxOrNull(value) AS service_level, maxOrNull({level}) AS state\n"
        "FROM (\nSELECT service_level AS value, service_level_n AS sample, "
        f"{_OWN_TARGET} AS target\n"
        f"FROM (\n{grouped(('service_level',), 'queue', where)}\n)\n)"
    )
    panel = (
        number(metric.name, sql, lang, unit=unit_of(metric, lang))
        .decimals(DECIMALS[metric.unit])
        .description(described(metric, lang))
    )
    return with_state(panel, lang, say(Text(zh="按本队列目标", en="by its own goal"), lang))


def metric_over_time(name: str, lang: Lang, where: Sequence[str] = ()) -> timeseries.Panel:
    """One metric, step by step, with its limits as dashed lines; a queue has limits of its own."""
    metric = shown(name).metric
    return (
        trend(
            metric.name,
            series((name,), where),
            lang,
            {name: Column(metric, colour=looks.BLUE)},
            description=described(metric, lang),
            limits=None if where else metric.limits,
        )
        # Rates of few calls say little: wider steps than for counts.
        .interval("5m")
        .max_data_points(40)
    )


def open_alerts(lang: Lang) -> table.Panel:
    """What is firing now, the gravest and oldest first."""
    rules = {"SL_LOW": Text(zh="服务水平低", en="Service level low")}
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT {IN_ALL}, severity, rule, {named('group_key', 'queues', lang)} AS place, "
        "value, since\n"
        "FROM (\n"
        "  SELECT argMax(state, transition) AS last_state, any(severity) AS severity,\n"
        "    any(rule) AS rule, any(group_key) AS group_key, argMax(value, transition) AS value,\n"
        "    min(window_end) AS since\n"
        f"  FROM alert_transitions FINAL WHERE site = {SITE} AND domain = 'live'\n"
        "  GROUP BY alert_id\n)\n"
        "WHERE last_state NOT IN ('resolved', 'retracted')\nORDER BY severity, since LIMIT 8"
    )
    severities = {"P1": looks.CRIT, "P2": looks.CRIT, "P3": looks.WARN, "P4": looks.FEW}
    columns = {
        "severity": Column(
            name=Text(zh="级别", en="Level"),
            mappings=looks.words({key: (key, colour) for key, colour in severities.items()}),
            filled=True,
            width=80,
            align="center",
        ),
        "rule": Column(
            name=Text(zh="告警", en="Alert"),
            mappings=looks.words({rule: (say(text, lang), "") for rule, text in rules.items()}),
        ),
        "place": Column(name=Text(zh="对象", en="Where")),
        "value": Column(
            name=Text(zh="触发时", en="When raised"),
            unit="percent",
            decimals=0,
            align="right",
            width=120,
        ),
        "since": Column(
            name=Text(zh="起始", en="Since"), unit="dateTimeAsLocal", width=150, align="right"
        ),
    }
    return listing(
        Text(zh="当前告警", en="Open alerts"),
        sql,
        lang,
        columns,
        Text(
            zh="正在触发、尚未恢复的告警，最重、最早的在前",
            en="alerts that fire and have not recovered, the gravest and oldest first",
        ),
    ).no_value(say(Text(zh="没有未恢复的告警", en="no open alerts"), lang))


def freshness(lang: Lang) -> stat.Panel:
    """How far the numbers are behind the clock: as far as the shard that is furthest behind.

    The page takes the column's name, `age`, as that of the whole board.
    """
    sql = (
        f"SELECT age, {state('age', STALE)} AS state\nFROM (\n"
        "  SELECT if(count() = 0, NULL, greatest(0, intDiv("
        "toUnixTimestamp64Milli(now64(3)) - min(upto), 1000))) AS age\n  FROM (\n"
        "    SELECT JSONExtractInt(state, 'watermarks', 'live') AS upto\n"
        "    FROM checkpoint FINAL PREWHERE family = 'meta'\n  )\n  WHERE upto > 0\n)"
    )
    words = Text(zh="目标 ≤ 10 秒", en="goal ≤ 10 s")
    description = Text(
        zh=(
            "数字截至多少秒前；无来电时也随时钟前进，通常为 2 至 4 秒。"
            "超过 60 秒，其他面板不再代表现状，页面会明示"
        ),
        en=(
            "Up to how many seconds ago everything is counted; it goes with the clock, calls or "
            "none, some 2 to 4 s behind. Beyond 60 s the other panels do not show the present, "
            "and the page says so"
        ),
    )
    panel = number(Text(zh="数据时效", en="Data age"), sql, lang, unit="s")
    return with_state(panel.description(say(description, lang)), lang, say(words, lang))
