"""The supervisor's wall: is anything wrong now, and where; read from five metres away."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from dashboards.board import Placed, Time, compose
from dashboards.panels import tile
from dashboards.parts import calls_over_time, freshness, open_alerts, queues
from dashboards.queries import total
from dashboards.words import Lang
from schemas.measures import Text

STATS = ("service_level", "asa", "max_wait", "abandon_rate", "offered", "answered")


def build(lang: Lang) -> dashboard.Dashboard:
    """Return the wallboard in a language."""
    stats = [tile(name, total(name), lang) for name in STATS]
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
            Placed(open_alerts(lang), 16, 8, 8, 10),
            Placed(calls_over_time(lang), 0, 18, 16, 9),
            Placed(freshness(lang), 16, 18, 8, 9),
        ],
    )
