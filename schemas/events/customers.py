"""What customers say and buy flows in: surveys, follow-ups, mentions, purchases, identity."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.envelope import (
    Count,
    Currency,
    Day,
    Event,
    Id,
    Label,
    Money,
    Name,
    Text,
)

SurveyItem = Literal[
    "overall", "wait", "knowledge", "efficiency", "solution", "manner", "open_question"
]
"""The seven items; the words given to the open question are in `comment`."""
WeightedItem = Literal["overall", "wait", "knowledge", "efficiency", "solution", "manner"]
Rating = Annotated[int, Field(ge=1, le=5)]
"""1 worst, 5 best; an adapter brings other scales to this one."""


class SurveyBody(Event):
    """A questionnaire about one contact or ticket."""

    family: ClassVar[str] = "survey"

    survey_id: Id
    contact_id: Id | None = None
    ticket_id: Id | None = None
    survey_source: Label | None = None
    """Who asks: third_party, self, both."""


class SurveyInvited(SurveyBody):
    """The invitation was delivered."""

    event_type: Literal["survey.invited"] = "survey.invited"
    channel: Label | None = None


class SurveyResponded(SurveyBody):
    """The customer answered; a skipped item is null or absent, never a low rating."""

    event_type: Literal["survey.responded"] = "survey.responded"
    items: dict[SurveyItem, Rating | None] | None = None
    importance: dict[WeightedItem, Rating | None] | None = None
    nps: Annotated[int, Field(ge=0, le=10)] | None = None
    ces: Annotated[int, Field(ge=0, le=10)] | None = None
    comment: Text | None = None


class FollowupBody(Event):
    """A call back to ask whether a resolved ticket really is."""

    family: ClassVar[str] = "followup"

    ticket_id: Id
    agent_id: Id | None = None
    contacted_answer: Label | None = None
    """Whether somebody got in touch about it in time, in the customer's own word."""
    resolved_answer: Label | None = None
    satisfied_answer: Label | None = None
    new_issue: bool | None = None


class FollowupDue(FollowupBody):
    """A follow-up is to be made."""

    event_type: Literal["followup.due"] = "followup.due"


class FollowupAttempted(FollowupBody):
    """Somebody tried."""

    event_type: Literal["followup.attempted"] = "followup.attempted"


class FollowupReached(FollowupBody):
    """The customer was reached and answered."""

    event_type: Literal["followup.reached"] = "followup.reached"


class SocialMention(Event):
    """Somebody wrote about the enterprise in public."""

    family: ClassVar[str] = "social"

    event_type: Literal["social.mention"] = "social.mention"
    mention_id: Id
    platform: Label | None = None
    topic: Name | None = None
    product: Name | None = None
    reach: Count | None = None
    text: Text | None = None


class Purchase(Event):
    """A customer paid, or with a negative amount got money back."""

    family: ClassVar[str] = "purchase"

    event_type: Literal["purchase"] = "purchase"
    customer_id: Id
    amount: Money
    currency: Currency
    product: Name | None = None


class CustomerCount(Event):
    """How many customers, users or sold units there were on a day."""

    family: ClassVar[str] = "customer"

    event_type: Literal["customer.count"] = "customer.count"
    unit: Label
    n: Count
    as_of: Day
    product: Name | None = None
    region: Name | None = None


class IdentityLinked(Event):
    """Two subjects turned out to be one customer; later contacts are routed together."""

    family: ClassVar[str] = "identity"

    event_type: Literal["identity.linked"] = "identity.linked"
    subjects: Annotated[tuple[Id, ...], Field(min_length=2, max_length=2)]

    def check(self) -> None:
        """Refuse to link a subject with itself."""
        if self.subjects[0] == self.subjects[1]:
            msg = "subjects should be two different ones"
            raise ValueError(msg)


EVENTS: tuple[type[Event], ...] = (
    SurveyInvited,
    SurveyResponded,
    FollowupDue,
    FollowupAttempted,
    FollowupReached,
    SocialMention,
    Purchase,
    CustomerCount,
    IdentityLinked,
)
