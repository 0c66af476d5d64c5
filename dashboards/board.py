"""Placed panels in, one dashboard out: its address, links, variables, time and refresh.

Addresses never change: people keep them, links and kiosk screens name them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import Panel
from dashboards.queries import SITE
from dashboards.target import DATASOURCE
from dashboards.words import LANGS, Lang, say
from schemas.measures import Text

COLUMNS = 24
SCREEN_ROWS = 27
"""What fits a screen of 1920 x 1080 without scrolling."""
TIME_ZONE = "Asia/Shanghai"
"""The example centre's. SQL asks the site's configuration; this one is for the axes."""

TITLES = {
    "wallboard": Text(zh="大屏", en="Wallboard"),
    "calls": Text(zh="话务趋势", en="Calls"),
    "queue": Text(zh="队列详情", en="Queue"),
    "agents": Text(zh="坐席", en="Agents"),
    "tickets": Text(zh="工单", en="Tickets"),
    "health": Text(zh="管道健康", en="Pipeline"),
}
"""Every board, in the order in which links name them."""
_LANGUAGES = {"en": "English", "zh": "中文"}


class Placed(NamedTuple):
    """A panel and its place on the grid."""

    panel: Panel
    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Time:
    """What time a board shows and how often it asks again."""

    start: str
    refresh: str
    ranges: Sequence[tuple[Text, str]] = ()
    """Other beginnings to choose from; without them the board keeps its own."""


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a board; the SQL gives values, or values and what they are called."""

    name: str
    label: Text
    sql: str
    hidden: bool = False


SITES = Variable(
    "site",
    Text(zh="中心", en="Centre"),
    "SELECT site, argMax(JSONExtractString(content, 'name', '{lang}'), first_seen) AS name "
    "FROM configs FINAL GROUP BY site ORDER BY name",
)
ZONES = Variable(
    "zone",
    Text(zh="时区", en="Time zone"),
    "SELECT if(max(first_seen) = toDateTime64(0, 3), 'UTC', "
    "argMax(JSONExtractString(content, 'time_zone'), first_seen)) AS zone "
    f"FROM configs FINAL WHERE site = {SITE}",
    hidden=True,
)


def uid(slug: str, lang: Lang) -> str:
    """Return a board's address."""
    return f"goldpan-{slug}-{lang}"


def compose(
    slug: str,
    lang: Lang,
    description: Text,
    time: Time,
    panels: Sequence[Placed],
    *variables: Variable,
) -> dashboard.Dashboard:
    """Return the dashboard `slug` in a language."""
    board = (
        dashboard.Dashboard(say(TITLES[slug], lang))
        .uid(uid(slug, lang))
        .description(say(description, lang))
        .tags(["goldpan", lang])
        .timezone(TIME_ZONE)
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(time.start, "now")
        .refresh(time.refresh)
        .timepicker(_timepicker(time, lang))
        .links([_board_link(other, lang) for other in TITLES if other != slug])
    )
    for other in LANGS:
        if other != lang:
            board.link(_link(_LANGUAGES[other], uid(slug, other), keep_time=True))
    for variable in (SITES, ZONES, *variables):
        board.with_variable(_variable(variable, lang))
    for number, placed in enumerate(panels, 1):
        place = models.GridPos(x=placed.x, y=placed.y, w=placed.w, h=placed.h)
        ref = kinds.DataSourceRef(type_val=DATASOURCE["type"], uid=DATASOURCE["uid"])
        board.with_panel(placed.panel.id(number).grid_pos(place).datasource(ref))
    return board


def _timepicker(time: Time, lang: Lang) -> dashboard.TimePicker:
    picker = dashboard.TimePicker().refresh_intervals(["1s", "2s", "5s", "10s", "30s", "1m", "5m"])
    if not time.ranges:
        return picker.hidden(True)
    return picker.quick_ranges(
        [
            dashboard.TimeOption().display(say(name, lang)).from_val(start).to("now")
            for name, start in time.ranges
        ]
    )


def _board_link(slug: str, lang: Lang) -> dashboard.DashboardLink:
    return _link(say(TITLES[slug], lang), uid(slug, lang), keep_time=False)


def _link(title: str, address: str, *, keep_time: bool) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{address}")
        .include_vars(True)
        .keep_time(keep_time)
    )


def _variable(variable: Variable, lang: Lang) -> dashboard.QueryVariable:
    hide = models.VariableHide.HIDE_VARIABLE if variable.hidden else models.VariableHide.DONT_HIDE
    sql = variable.sql.replace("{lang}", lang)
    return (
        dashboard.QueryVariable(variable.name)
        .label(say(variable.label, lang))
        .datasource(kinds.DataSourceRef(type_val=DATASOURCE["type"], uid=DATASOURCE["uid"]))
        .query({"refId": variable.name, "queryType": "sql", "rawSql": sql})
        .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(models.VariableSort.DISABLED)
        .hide(hide)
        .multi(False)
        .include_all(False)
    )
