"""What switches call an agent's state flows in, the product's own name for it flows out.

One list for every source, so that a state counts alike wherever it comes from. An adapter that
knows better sends our names; a name that nobody knows is `unknown`, and stays visible as reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ready": (
            *("available", "idle", "waiting", "routable", "on queue", "login", "logged in"),
            *("空闲", "就绪", "示闲", "签入"),
        ),
        "ringing": (
            *("alerting", "offering", "connecting", "reserved", "dialing", "dialling"),
            *("振铃", "响铃", "预占"),
        ),
        "talking": (
            *("on call", "in call", "oncall", "incall", "connected", "conversation"),
            *("interacting", "handling", "通话", "通话中"),
        ),
        "hold": ("held", "on hold", "holding", "保持", "保持中"),
        "acw": (
            *("after call work", "aftercallwork", "after contact work", "wrap", "wrapup"),
            *("wrap up", "work", "work ready", "话后", "话后处理", "整理", "事后处理"),
        ),
        "break": ("lunch", "meal", "rest", "小休", "休息", "就餐", "午餐", "用餐"),
        "not_ready": (
            *("not ready", "notready", "unavailable", "aux", "paused", "pause", "busy"),
            *("away", "meeting", "training", "coaching", "non routable"),
            *("示忙", "置忙", "忙碌", "会议", "培训"),
        ),
        "offline": (
            *("logout", "logged out", "loggedout", "log off", "logged off", "loggedoff"),
            *("signed out", "disconnected", "离线", "签出", "登出", "未登录"),
        ),
        "unknown": ("未知",),
    }
)
"""Our name of each state, and other words for it (compared without case, - and _ as a space)."""

ON_CONTACT = ("talking", "hold", "acw")
"""The states in which an agent works for a customer."""
LOGGED_IN = ("ready", "ringing", *ON_CONTACT, "break", "not_ready")


def _plain(word: str) -> str:
    return " ".join(word.casefold().replace("-", " ").replace("_", " ").split())


STATE_OF: Mapping[str, str] = MappingProxyType(
    {_plain(word): state for state, words in STATES.items() for word in (state, *words)}
)
"""Our name by every word for it, the words in the form in which they are compared."""


def normalise(state: str, reason: str) -> tuple[str, str]:
    """Return our name for a state, and its reason: the source's own word where nobody knows it.

    >>> normalise("Not-Ready", "coaching")
    ('not_ready', 'coaching')
    >>> normalise("小休", "")
    ('break', '')
    >>> normalise("Gone fishing", "")
    ('unknown', 'Gone fishing')
    """
    known = STATE_OF.get(_plain(state))
    return (known, reason) if known is not None else ("unknown", reason or state)
