"""A metric's unit in, the word for it in both languages out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from schemas.measures import Text

Unit = Literal[
    "count",
    "%",
    "s",
    "min",
    "h",
    "d",
    "ratio",
    "0-1",
    "per 10k",
    "per M",
    "score",
    "pts",
    "± pts",
    "money",
    "rank",
    "class",
    "=",
]
"""`pts` are percentage points, `0-1` a share or coefficient, `=` a difference that should be 0."""

UNITS: Mapping[str, Text] = {
    "count": Text(zh="个", en="count"),
    "%": Text(zh="%", en="%"),
    "s": Text(zh="秒", en="s"),
    "min": Text(zh="分", en="min"),
    "h": Text(zh="时", en="h"),
    "d": Text(zh="天", en="d"),
    "ratio": Text(zh="倍", en="ratio"),
    "0-1": Text(zh="0-1", en="0-1"),
    "per 10k": Text(zh="件/万", en="per 10k"),
    "per M": Text(zh="件/百万", en="per M"),
    "score": Text(zh="分值", en="score"),
    "pts": Text(zh="百分点", en="pts"),
    "± pts": Text(zh="± 百分点", en="± pts"),
    "money": Text(zh="金额", en="money"),
    "rank": Text(zh="名次", en="rank"),
    "class": Text(zh="层级", en="class"),
    "=": Text(zh="差值", en="difference"),
}
UNSAID = frozenset({"count", "ratio", "0-1", "rank", "class", "money", "="})
"""Units whose word does not follow a number: their metrics' names say what they are."""
