"""The supervisor's wall: is anything wrong now, and where; read from five metres away."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.board import Placed, Time, compose
from dashboards.panels import tile
from dashboards.parts import calls_over_time, freshness, open_alerts, queues
from dashboards.queries import total
from dashboards.staff import agents_ready, calls_waiting
from dashboards.tickets import tickets_now
from dashboards.words import Lang
from schemas.measures import Text

LONGEST = Text(zh="最长等待", en="Longest wait")

OVERDUE = Text(zh="超期工单", en="Tickets overdue")
VERY_URGENT = Text(zh="非常紧急", en="Very urgent")


def build(lang: Lang) -> dashboard.Dashboard:
    """Return the wallboard in a language."""
    stats = [
        tile("service_level", total("service_level"), lang),
        tile("oldest_waiting", total("oldest_waiting"), lang, LONGEST),
        calls_waiting(lang),
        tile("abandon_rate", total("abandon_rate"), lang),
        agents_ready(lang),
        tile("occupancy", total("occupancy"), lang),
    ]
    return compose(
        "wallboard",
        lang,
        Text(
            zh="主管大屏：最近 30 分钟，最差的在最前",
            en="For supervisors: the last 30 minutes, worst first",
        ),
        Time("now-30m", "2s"),
        [
            *(Placed(panel, 4 * i, 0, 4, 8) for i, panel in enumerate(stats)),
            Placed(queues(lang), 0, 8, 16, 10),
            Placed(tickets_now("overdue_open", lang, OVERDUE), 16, 8, 4, 6),
            Placed(tickets_now("very_urgent_open", lang, VERY_URGENT), 20, 8, 4, 6),
            Placed(open_alerts(lang), 16, 14, 8, 8),
            Placed(calls_over_time(lang), 0, 18, 16, 9),
            Placed(freshness(lang), 16, 22, 8, 5),
        ],
    )
