"""How far apart a customer's contacts still belong together, as a site's configuration says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.measures import Strict

WindowDays = Annotated[float, Field(strict=True, gt=0, le=366, allow_inf_nan=False)]
WindowHours = Annotated[float, Field(strict=True, gt=0, le=8_784, allow_inf_nan=False)]
IssueLevel = Literal["topic", "category", "subcategory", "detail"]


class Repeats(Strict):
    """How far apart two contacts or complaints of a customer still have to do with each other."""

    issue: IssueLevel = "topic"
    """What makes two complaints be about the same: their topic, or a level of their category.

    Without a topic the narrowest category that is told takes its place; of a contact only its
    topics are known.
    """
    same_contact_minutes: Annotated[
        float, Field(strict=True, ge=0, le=1_440, allow_inf_nan=False)
    ] = 15.0
    """What begins sooner after the end of a contact is a part of it."""
    resolution_days: WindowDays = 7.0
    next_contact_days: WindowDays = 7.0
    complaint_days: WindowDays = 30.0
    front_line_hours: WindowHours = 24.0
    """For one-stop handling and automatic answers."""
    look_back_days: WindowDays = 90.0
    """What came before an escalation."""
    threat_days: WindowDays = 30.0
    complaint_types: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ("complaint",)
    """The call types that say that a customer complains."""
