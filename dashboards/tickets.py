"""What customers wait for: how many tickets are open, late or very urgent, and which ones."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries

from dashboards import looks
from dashboards.board import Placed, Time, compose
from dashboards.panels import (
    Column,
    listing,
    number,
    state_column,
    tile,
    trend,
    unit_of,
    with_state,
)
from dashboards.parts import freshness
from dashboards.queries import CONFIG, IN_ALL, SITE, grouped, named, series, shown, state, total
from dashboards.words import Lang, described, goal, say
from schemas.measures import Text

OPEN = {
    "backlog": "open",
    "overdue_open": "overdue",
    "at_risk_open": "at_risk",
    "very_urgent_open": "very_urgent",
}
"""Metrics of tickets as they stand, and the columns of `ticket_counts_now` that hold them."""
PRIORITIES = {
    "very_urgent": Text(zh="非常紧急", en="very urgent"),
    "urgent": Text(zh="紧急", en="urgent"),
    "high": Text(zh="高", en="high"),
    "normal": Text(zh="普通", en="normal"),
    "low": Text(zh="低", en="low"),
}
"""The usual words for priorities; a desk's own stay as they are."""
RANGES = (
    (Text(zh="今天", en="Today"), "now/d"),
    (Text(zh="7 天", en="7 days"), "now-7d"),
    (Text(zh="30 天", en="30 days"), "now-30d"),
)


def build(lang: Lang) -> dashboard.Dashboard:
    """Return the board of tickets in a language."""
    tiles = [
        *(tickets_now(name, lang) for name in ("overdue_open", "very_urgent_open", "at_risk_open")),
        tickets_now("backlog", lang),
        tile("resolution_timely", total("resolution_timely"), lang),
        freshness(lang),
    ]
    return compose(
        "tickets",
        lang,
        Text(
            zh="工单：超期、非常紧急、积压，以及是哪些",
            en="Tickets: overdue, very urgent, open, and which ones",
        ),
        Time("now-7d", "10s", RANGES),
        [
            *(Placed(panel, 4 * i, 0, 4, 6) for i, panel in enumerate(tiles)),
            Placed(first_to_do(lang), 0, 6, 14, 21),
            Placed(by_department(lang), 14, 6, 10, 8),
            Placed(answers(lang), 14, 14, 10, 8),
            Placed(opened_and_resolved(lang), 14, 22, 10, 5),
        ],
    )


def tickets_now(name: str, lang: Lang, title: Text | None = None) -> stat.Panel:
    """One number of the tickets as they stand; none where there has never been a ticket."""
    metric = shown(name).metric
    known = f"(SELECT count() FROM (SELECT 1 FROM tickets WHERE site = {SITE} LIMIT 1))"
    limits = metric.limits
    states = "" if limits is None else f", {state(name, limits)} AS state"
    sql = (
        f"SELECT {name}{states}\nFROM (\n"
        f"  SELECT if({known} = 0, NULL, sum({OPEN[name]})) AS {name}\n"
        f"  FROM ticket_counts_now WHERE site = {SITE}\n)"
    )
    panel = number(title or metric.name, sql, lang, unit=unit_of(metric, lang))
    panel.description(described(metric, lang))
    return panel if limits is None else with_state(panel, lang, goal(metric, lang))


def first_to_do(lang: Lang) -> table.Panel:
    """The open tickets in the order in which they should be looked at."""
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT {IN_ALL}, ticket_id, multiIf(very_urgent = 1, 3, due_at <= now64(3), 3, "
        "at_risk_at <= now64(3), 2, 1) AS state,\n"
        "  multiIf(very_urgent = 1, 'very_urgent', due_at <= now64(3), 'overdue', "
        "at_risk_at <= now64(3), 'at_risk', '') AS why,\n"
        f"  if(department = '', '–', {named('department', 'departments', lang)}) AS department, "
        "priority, opened_at, due_at\n"
        f"FROM tickets_now FINAL WHERE site = {SITE} AND forget_at > now64(3)\n"
        "ORDER BY state DESC, very_urgent DESC, due_at NULLS LAST, opened_at LIMIT 100"
    )
    whys = {
        "very_urgent": Text(zh="非常紧急", en="very urgent"),
        "overdue": Text(zh="超期", en="overdue"),
        "at_risk": Text(zh="临期", en="at risk"),
        "": Text(zh="在办", en="open"),
    }
    colours = {"very_urgent": looks.CRIT, "overdue": looks.CRIT, "at_risk": looks.WARN}
    words = {key: (say(text, lang), colours.get(key, looks.FEW)) for key, text in whys.items()}
    columns = {
        "ticket_id": Column(name=Text(zh="工单", en="Ticket")),
        "state": Column(hidden=True),
        "why": Column(
            name=Text(zh="情况", en="Why"), mappings=looks.words(words), filled=True, align="center"
        ),
        "department": Column(name=Text(zh="部门", en="Department")),
        "priority": Column(
            name=Text(zh="优先级", en="Priority"),
            mappings=looks.words({key: (say(text, lang), "") for key, text in PRIORITIES.items()}),
        ),
        "opened_at": Column(
            name=Text(zh="登记", en="Opened"), unit="dateTimeAsLocal", align="right"
        ),
        "due_at": Column(name=Text(zh="到期", en="Due"), unit="dateTimeAsLocal", align="right"),
    }
    return listing(
        Text(zh="先办这些", en="First to do"),
        sql,
        lang,
        columns,
        Text(
            zh="在办工单：非常紧急的在前，然后超期、临期，按到期时间",
            en="Open tickets: very urgent ones first, then overdue, then at risk, by due time",
        ),
    ).no_value(say(Text(zh="没有在办工单", en="no open tickets"), lang))


def by_department(lang: Lang) -> table.Panel:
    """Where they lie."""
    names: Sequence[str] = ("overdue_open", "very_urgent_open", "at_risk_open", "backlog")
    sums = ", ".join(f"sum({OPEN[name]}) AS {name}" for name in names)
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT {IN_ALL}, {named('code', 'departments', lang)} AS department,\n"
        f"  {', '.join(names)}\nFROM (\n"
        f"SELECT if(department = '', '–', department) AS code, {sums}\n"
        f"FROM ticket_counts_now WHERE site = {SITE}\nGROUP BY code\n)\n"
        "ORDER BY overdue_open DESC, very_urgent_open DESC, backlog DESC LIMIT 50"
    )
    columns = {"department": Column(name=Text(zh="部门", en="Department"))}
    columns |= {name: Column(shown(name).metric, align="right") for name in names}
    return listing(
        Text(zh="按部门，最差在前", en="By department, worst first"),
        sql,
        lang,
        columns,
        Text(zh="每个部门此刻的在办工单", en="the tickets that each department has open now"),
    )


def answers(lang: Lang) -> table.Panel:
    """How the departments answer what they are asked for."""
    asked, time = ("dept_timely", "urges_per_task"), "dept_answer_time"
    timely = shown("dept_timely").metric
    if timely.limits is None:
        msg = "dept_timely: a board needs its limits"
        raise ValueError(msg)
    judged = state("dept_timely", timely.limits, "dept_timely_n", timely.min_sample)
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT {IN_ALL}, {named('department', 'departments', lang)} AS name, {judged} AS state,\n"
        f"  dept_timely, dept_timely_n, {time}, urges_per_task\n"
        f"FROM (\n{grouped(asked, 'department')}\n) AS a\n"
        f"LEFT JOIN (\n{grouped((time,), 'department')}\n) AS t USING (department)\n"
        "WHERE department != ''\n"
        "ORDER BY state DESC NULLS LAST, dept_timely, dept_timely_n DESC LIMIT 50"
    )
    columns = {
        "name": Column(name=Text(zh="部门", en="Department")),
        "state": state_column(lang),
        "dept_timely": Column(timely, name=Text(zh="及时率", en="In time"), align="right"),
        "dept_timely_n": Column(name=Text(zh="到期任务", en="Due"), align="right"),
        time: Column(shown(time).metric, name=Text(zh="处理时长", en="Time"), align="right"),
        "urges_per_task": Column(shown("urges_per_task").metric, decimals=1, align="right"),
    }
    return listing(
        Text(zh="部门答复，最差在前", en="Answers of departments, worst first"),
        sql,
        lang,
        columns,
        Text(
            zh="期内到期任务的及时率；答复用时的中位数；每个任务的催办次数",
            en="tasks answered in time, of those due; median time to the answer; urges per task",
        ),
    ).no_value(say(Text(zh="没有部门任务", en="no tasks of departments"), lang))


def opened_and_resolved(lang: Lang) -> timeseries.Panel:
    """Whether more comes in than goes out."""
    columns = {"complaints": Column(shown("complaints").metric, colour=looks.BLUE)}
    return (
        trend(
            shown("complaints").metric.name,
            series(tuple(columns)),
            lang,
            columns,
            description=described(shown("complaints").metric, lang),
            bars=True,
        )
        .interval("15m")
        .max_data_points(60)
    )
