"""Words that several boards share, in both languages, and how a metric's goal is said."""

from __future__ import annotations

from typing import Literal

from schemas.catalogue import Metric
from schemas.measures import Text
from schemas.units import UNITS, UNSAID

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")

NO_DATA = Text(zh="无数据", en="no data")
STATE = Text(zh="状态", en="State")
STATES = {
    "few": Text(zh="样本少", en="FEW CALLS"),
    "ok": Text(zh="正常", en="OK"),
    "warn": Text(zh="预警", en="WARN"),
    "crit": Text(zh="严重", en="CRIT"),
}
_UNLESS = Text(zh="（除非站点配置另选）", en="(unless the site goes by another)")
_AT_MOST = Text(zh="目标 ≤", en="goal ≤")
_GOAL = {"H": Text(zh="目标 ≥", en="goal ≥"), "L": _AT_MOST, "B": _AT_MOST}


def say(text: Text, lang: Lang) -> str:
    """Return a text in a language."""
    return text.zh if lang == "zh" else text.en


def goal(metric: Metric, lang: Lang) -> str:
    """Return the value that a metric should keep to, such as "goal ≥ 80 %"; "" if there is none."""
    if metric.limits is None:
        return ""
    parts = [say(_GOAL[metric.direction], lang), f"{metric.limits.warn:g}"]
    if metric.unit not in UNSAID:
        parts.append(say(UNITS[metric.unit], lang))
    return " ".join(parts)


def described(metric: Metric, lang: Lang) -> str:
    """Return what a metric means, for a panel's (i).

    That is definition, method, edges, target and until when it is provisional.
    """
    parts = [say(metric.description, lang)]
    if metric.default is not None:
        method = metric.variants[metric.default]
        gap = " " if lang == "en" else ""
        usual = f"{metric.default}{gap}{say(_UNLESS, lang)}"
        parts.append(f"{usual}: {say(method.name, lang)}")
    for text in (metric.edges, metric.target):
        if text is not None:
            parts.append(say(text, lang))
    if metric.look_ahead is not None:
        parts.append(say(metric.look_ahead.said, lang))
    stop = "。" if lang == "zh" else ". "
    version = f"{'定义版本' if lang == 'zh' else 'Definition version'} {metric.definition_version}"
    return stop.join([*parts, version])
