"""Agents as they stand: the wallboard's tiles of waiting calls against the people who take them."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, stat

from dashboards.panels import number, unit_of, with_state
from dashboards.queries import STATE_CODES, now, shown, state
from dashboards.words import Lang, described, say
from schemas.catalogue import Limits
from schemas.measures import Text

WAITING_SHARE = Limits(warn=10, crit=25)
"""Calls waiting for every hundred agents logged in: from where on it needs attention."""


def calls_waiting(lang: Lang) -> stat.Panel:
    """How many wait, judged by how many are there to answer."""
    metric = shown("calls_waiting").metric
    share = "calls_waiting / nullIf(agents, 0) * 100"
    sql = (
        f"SELECT calls_waiting, {state('share', WAITING_SHARE)} AS state\n"
        f"FROM (SELECT *, {share} AS share FROM (\n"
        f"  SELECT {now('calls_waiting')} AS calls_waiting,\n"
        f"    {now('agents_logged_in')} AS agents\n))"
    )
    said = Text(zh="目标 ≤ 坐席的 10 %", en="goal ≤ 10 % of agents")
    panel = number(Text(zh="排队", en="Waiting"), sql, lang, unit=unit_of(metric, lang))
    return with_state(panel.description(described(metric, lang)), lang, say(said, lang))


def agents_ready(lang: Lang) -> stat.Panel:
    """How many are free, of how many; critical when nobody is and somebody waits."""
    metric = shown("agents_ready").metric
    crit, warn, ok = (STATE_CODES[name] for name in ("crit", "warn", "ok"))
    sql = (
        "SELECT if(agents IS NULL, NULL, concat(toString(ready), ' / ', toString(agents)))"
        " AS agents_ready,\n"
        f"  multiIf(agents IS NULL, NULL, ready > 0, {ok}, waiting > 0, {crit}, {warn}) AS state\n"
        f"FROM (\n  SELECT {now('agents_ready')} AS ready,\n"
        f"    {now('agents_logged_in')} AS agents,\n    {now('calls_waiting')} AS waiting\n)"
    )
    said = Text(zh="可用 / 在岗", en="ready / logged in")
    panel = number(Text(zh="坐席", en="Agents"), sql, lang, unit=unit_of(metric, lang))
    panel.description(described(metric, lang))
    # The value is a text, which Grafana leaves out unless all fields are asked for.
    panel.reduce_options(
        common.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(False)
    )
    return with_state(panel, lang, say(said, lang))
