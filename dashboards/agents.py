"""The people who answer: how many are there and free now, who does what, and how busy they are."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries

from dashboards import looks
from dashboards.board import Placed, Time, compose
from dashboards.panels import Column, listing, number, tile, trend, unit_of
from dashboards.parts import freshness, metric_over_time
from dashboards.queries import CONFIG, IN_ALL, SITE, grouped, named, now, series, shown, total
from dashboards.staff import agents_ready
from dashboards.words import Lang, described, say
from schemas.measures import Text

STATES = {
    "ready": Text(zh="空闲", en="ready"),
    "ringing": Text(zh="振铃", en="ringing"),
    "talking": Text(zh="通话", en="talking"),
    "hold": Text(zh="保持", en="on hold"),
    "acw": Text(zh="话后", en="after-call work"),
    "break": Text(zh="休息", en="break"),
    "not_ready": Text(zh="示忙", en="not ready"),
    "unknown": Text(zh="未知", en="unknown"),
}
RANGES = (
    (Text(zh="30 分钟", en="30 minutes"), "now-30m"),
    (Text(zh="今天", en="Today"), "now/d"),
    (Text(zh="7 天", en="7 days"), "now-7d"),
)


def build(lang: Lang) -> dashboard.Dashboard:
    """Return the board of agents in a language."""
    tiles = [
        agents_ready(lang),
        *(gauge(name, lang) for name in ("agents_on_contact", "agents_away", "agents_unknown")),
        tile("occupancy", total("occupancy"), lang),
        freshness(lang),
    ]
    return compose(
        "agents",
        lang,
        Text(
            zh="坐席：此刻谁在做什么，以及忙闲",
            en="Agents: who does what now, and how busy they are",
        ),
        Time("now/d", "5s", RANGES),
        [
            *(Placed(panel, 4 * i, 0, 4, 6) for i, panel in enumerate(tiles)),
            Placed(everyone(lang), 0, 6, 14, 21),
            Placed(teams(lang), 14, 6, 10, 7),
            Placed(time_by_state(lang), 14, 13, 10, 7),
            Placed(metric_over_time("occupancy", lang), 14, 20, 10, 7),
        ],
    )


def gauge(name: str, lang: Lang) -> stat.Panel:
    """A number of agents as it stands."""
    metric = shown(name).metric
    panel = number(metric.name, f"SELECT {now(name)} AS {name}", lang, unit=unit_of(metric, lang))
    return panel.description(described(metric, lang))


def everyone(lang: Lang) -> table.Panel:
    """Each agent who is logged in, by state, the longest in it first; and his work in the time."""
    work = ("answered", "aht")
    sql = (
        f"WITH {CONFIG}\nSELECT {IN_ALL}, s.agent_id AS agent_id,\n"
        f"  {named('s.team', 'teams', lang)} AS team, agent_state, since_s, answered, aht, "
        "occupancy\n"
        "FROM (\n  SELECT t.agent_id AS agent_id, any(t.team) AS team,\n"
        "    argMax(t.agent_state, t.since) AS agent_state,\n"
        "    greatest(0, dateDiff('second', max(t.since), now64(3))) AS since_s\n"
        f"  FROM agents_now AS t FINAL WHERE t.site = {SITE} AND t.domain = 'live'\n"
        f"    AND t.agent_state IN ({', '.join(map(repr, STATES))})\n"
        "  GROUP BY t.agent_id\n) AS s\n"
        f"LEFT JOIN (\n{grouped(work, 'agent_id')}\n) AS w ON w.agent_id = s.agent_id\n"
        f"LEFT JOIN (\n{grouped(('occupancy',), 'agent_id')}\n) AS o ON o.agent_id = s.agent_id\n"
        f"ORDER BY indexOf([{', '.join(map(repr, STATES))}], agent_state), since_s DESC LIMIT 200"
    )
    words = {key: (say(text, lang), "") for key, text in STATES.items()}
    columns = {
        "agent_id": Column(name=Text(zh="坐席", en="Agent")),
        "team": Column(name=Text(zh="班组", en="Team")),
        "agent_state": Column(name=Text(zh="状态", en="State"), mappings=looks.words(words)),
        "since_s": Column(name=Text(zh="已持续", en="For"), unit="s", decimals=0, align="right"),
        "answered": Column(shown("answered").metric, align="right"),
        "aht": Column(shown("aht").metric, name=Text(zh="平均处理", en="AHT"), align="right"),
        "occupancy": Column(shown("occupancy").metric, align="right"),
    }
    return listing(
        Text(zh="每位坐席", en="Everyone"),
        sql,
        lang,
        columns,
        Text(
            zh="在岗坐席：按状态，同一状态中最久的在前；接通、处理时长与占用率按所选时间",
            en=(
                "agents logged in: by state, the longest in it first; answered, handle time and "
                "occupancy over the chosen time"
            ),
        ),
    ).no_value("–")


def teams(lang: Lang) -> table.Panel:
    """How each team stands now."""
    names = (
        "agents_logged_in",
        "agents_ready",
        "agents_on_contact",
        "agents_away",
    )
    short = {
        "agents_logged_in": Text(zh="在岗", en="Logged in"),
        "agents_ready": Text(zh="可用", en="Ready"),
        "agents_on_contact": Text(zh="处理中", en="On a contact"),
        "agents_away": Text(zh="离席", en="Away"),
    }
    sql = (
        f"WITH {CONFIG}\n"
        f"SELECT {IN_ALL}, if(code = '', '–', {named('code', 'teams', lang)}) AS team,\n"
        f"  {', '.join(names)}\nFROM (\n"
        f"SELECT team AS code, {', '.join(names)}\nFROM (\n{grouped(names, 'team')}\n)\n)\n"
        "WHERE agents_logged_in > 0\nORDER BY agents_ready / agents_logged_in, team LIMIT 50"
    )
    columns = {"team": Column(name=Text(zh="班组", en="Team"))}
    columns |= {n: Column(shown(n).metric, name=short[n], align="right") for n in names}
    return listing(
        Text(zh="班组，可用最少在前", en="Teams, fewest ready first"),
        sql,
        lang,
        columns,
        Text(zh="每个班组此刻的坐席", en="the agents of each team as they stand now"),
    )


def time_by_state(lang: Lang) -> timeseries.Panel:
    """What the paid time went into."""
    names = {
        "on_contact_time": (looks.BLUE, Text(zh="处理", en="On contact")),
        "ready_time": (looks.SKY, Text(zh="空闲", en="Ready")),
        "away_time": (looks.GREY, Text(zh="离席", en="Away")),
    }
    columns = {
        name: Column(shown(name).metric, name=title, colour=colour)
        for name, (colour, title) in names.items()
    }
    panel = trend(
        Text(zh="时间去向", en="Where the time goes"),
        series(tuple(columns)),
        lang,
        columns,
        description=described(shown("on_contact_time").metric, lang),
        bars=True,
    )
    return panel.interval("5m").max_data_points(40)
