"""One queue: how it stands, how it got there, and who waited how long."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, table

from dashboards import looks
from dashboards.board import Placed, Time, Variable, compose
from dashboards.panels import Column, listing, tile, unit_of
from dashboards.parts import (
    calls_over_time,
    freshness,
    metric_over_time,
    queue_service_level,
)
from dashboards.queries import CONFIG, IN_ALL, SITE, named, shown, total
from dashboards.words import Lang, say
from schemas.measures import Text

QUEUE = "${queue:singlequote}"
THIS_QUEUE = (f"t.queue = {QUEUE}",)
RANGES = (
    (Text(zh="30 分钟", en="30 minutes"), "now-30m"),
    (Text(zh="今天", en="Today"), "now/d"),
    (Text(zh="7 天", en="7 days"), "now-7d"),
)


def build(lang: Lang) -> dashboard.Dashboard:
    """Return the board of one queue in a language."""
    stats = ("abandon_rate", "asa", "aht", "offered")
    tiles = [
        queue_service_level(lang, THIS_QUEUE),
        *(tile(name, total(name, THIS_QUEUE), lang) for name in stats),
        freshness(lang),
    ]
    return compose(
        "queue",
        lang,
        Text(zh="一个队列的现状、走势与最近的联络", en="One queue: now, its trend, its last calls"),
        Time("now-30m", "5s", RANGES),
        [
            *(Placed(panel, 4 * i, 0, 4, 6) for i, panel in enumerate(tiles)),
            Placed(calls_over_time(lang, THIS_QUEUE), 0, 6, 12, 10),
            Placed(metric_over_time("service_level", lang, THIS_QUEUE), 12, 6, 12, 10),
            Placed(last_calls(lang), 0, 16, 24, 11),
        ],
        queues(),
    )


def queues() -> Variable:
    """The queues in which someone has waited, by the names that the site gives them.

    What agents do of their own, such as calling back, is work and no queue to watch.
    """
    return Variable(
        "queue",
        Text(zh="队列", en="Queue"),
        f"WITH {CONFIG} SELECT queue, {named('queue', 'queues', '{lang}')} AS name FROM ("
        f"SELECT DISTINCT queue FROM call_minutes WHERE site = {SITE} AND dims = 'queue' "
        "AND offered > 0) WHERE queue != '' ORDER BY name",
    )


def last_calls(lang: Lang) -> table.Panel:
    """The contacts behind the numbers, the latest first. No name, number or text."""
    sql = (
        f"SELECT {IN_ALL}, queued_at, contact_id, outcome, wait_ms / 1000 AS wait, agent_id, "
        "talk_ms / 1000 AS talk\n"
        f"FROM contacts FINAL\nWHERE site = {SITE} AND queue = {QUEUE} "
        "AND $__timeFilter_ms(queued_at)\nORDER BY queued_at DESC LIMIT 50"
    )
    outcomes = {
        "waiting": Text(zh="排队中", en="waiting"),
        "talking": Text(zh="通话中", en="talking"),
        "handled": Text(zh="已处理", en="handled"),
        "abandoned": Text(zh="放弃", en="abandoned"),
        "flow_out": Text(zh="溢出", en="flow-out"),
        "callback": Text(zh="回拨", en="call-back"),
        "failed": Text(zh="失败", en="failed"),
        "expired": Text(zh="失联", en="lost from sight"),
    }
    said = {key: (say(text, lang), "") for key, text in outcomes.items()}
    columns = {
        "queued_at": Column(name=Text(zh="进入队列", en="Queued at"), unit="dateTimeAsLocal"),
        "contact_id": Column(name=Text(zh="联络", en="Contact")),
        "outcome": Column(name=Text(zh="结果", en="Outcome"), mappings=looks.words(said)),
        "wait": _seconds(Text(zh="等待", en="Wait"), lang),
        "agent_id": Column(name=Text(zh="坐席", en="Agent")),
        "talk": _seconds(Text(zh="通话", en="Talk"), lang),
    }
    return listing(
        Text(zh="最近的联络", en="Last contacts"),
        sql,
        lang,
        columns,
        Text(
            zh="数字背后的联络，最近的在前，至多 50 个",
            en="The contacts behind the numbers, the latest first, 50 at most",
        ),
    )


def _seconds(name: Text, lang: Lang) -> Column:
    return Column(name=name, unit=unit_of(shown("asa").metric, lang), decimals=0, align="right")
