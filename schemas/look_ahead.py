"""A look-ahead as the catalogue writes it in, a duration out: until when later things count.

A value of which something later may still change is provisional, and final once the look-ahead has
passed since the end of its period. Some look-aheads are the site's: a window of `repeats` in its
configuration.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.measures import Strict, Text
from schemas.repeats import Repeats

DAY_MS = 86_400_000
_Hours = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LookAhead(Strict):
    """How long after its period something later may still change a value."""

    days: _Hours | None = None
    hours: _Hours | None = None
    window: Literal["resolution", "next_contact", "complaint", "front_line", "threat"] | None = None
    """One of the site's windows, by the name of its key in `repeats` without the unit."""

    @model_validator(mode="after")
    def _said_once(self) -> LookAhead:
        if sum(way is not None for way in (self.days, self.hours, self.window)) != 1:
            msg = "give exactly one of days, hours, window"
            raise ValueError(msg)
        return self

    @property
    def said(self) -> Text:
        """Return until when a value is provisional, in words.

        >>> LookAhead(days=14).said.en
        'provisional until 14 days after the period'
        >>> LookAhead(window="front_line").said.zh
        '时段结束后 24 小时（可配置）内为暂定值'
        """
        ms = self.ms(Repeats())
        is_days = ms % DAY_MS == 0 and ms > DAY_MS
        count = f"{ms / (DAY_MS if is_days else DAY_MS // 24):g}"
        configured = self.window is not None
        zh, en = ("天", "days") if is_days else ("小时", "hours")
        return Text(
            zh=f"时段结束后 {count} {zh}{'（可配置）' * configured}内为暂定值",
            en=f"provisional until {count} {en}{' (configured)' * configured} after the period",
        )

    def ms(self, repeats: Repeats) -> int:
        """Return it in milliseconds, by a site's windows.

        >>> LookAhead(days=14).ms(Repeats()), LookAhead(window="front_line").ms(Repeats())
        (1209600000, 86400000)
        """
        days = {
            "resolution": repeats.resolution_days,
            "next_contact": repeats.next_contact_days,
            "complaint": repeats.complaint_days,
            "front_line": repeats.front_line_hours / 24,
            "threat": repeats.threat_days,
        }
        if self.window is not None:
            return round(days[self.window] * DAY_MS)
        return round(((self.days or 0) + (self.hours or 0) / 24) * DAY_MS)
