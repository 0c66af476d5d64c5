"""What the enterprise finds out about itself flows in: reviews, errors, problems, incidents."""

from __future__ import annotations

from typing import ClassVar, Literal

from schemas.events.envelope import Event, Id, Instant, Label, Labels, Name, Score, Text


class QualityReview(Event):
    """A contact was reviewed against the quality form."""

    family: ClassVar[str] = "quality"

    event_type: Literal["quality.review"] = "quality.review"
    contact_id: Id
    agent_id: Id | None = None
    reviewer: Id | None = None
    score: Score | None = None
    """Weighted, 0 to 100."""
    critical: Labels | None = None
    """The kinds of critical error found: customer, business, compliance."""


class ServiceErrorBody(Event):
    """A mistake in serving somebody."""

    family: ClassVar[str] = "service_error"

    error_id: Id
    found_by: Label | None = None
    """self, screening or customer."""
    cause: Name | None = None
    topic: Name | None = None
    product: Name | None = None
    ticket_id: Id | None = None


class ServiceErrorFound(ServiceErrorBody):
    """It was noticed."""

    event_type: Literal["service_error.found"] = "service_error.found"


class ServiceErrorRemedied(ServiceErrorBody):
    """It was made good."""

    event_type: Literal["service_error.remedied"] = "service_error.remedied"


class ProblemBody(Event):
    """A cause of many complaints, to be removed."""

    family: ClassVar[str] = "problem"

    problem_id: Id
    topic: Name | None = None
    product: Name | None = None
    department: Name | None = None
    due_at: Instant | None = None
    started_at: Instant | None = None
    proposed_by: Id | None = None
    adopted: bool | None = None
    text: Text | None = None


class ProblemProposed(ProblemBody):
    """Somebody suggested to remove it."""

    event_type: Literal["problem.proposed"] = "problem.proposed"


class ProblemOpened(ProblemBody):
    """A department has it, with a date."""

    event_type: Literal["problem.opened"] = "problem.opened"


class ProblemClosed(ProblemBody):
    """The department says it is removed."""

    event_type: Literal["problem.closed"] = "problem.closed"


class PreventionStarted(ProblemBody):
    """A measure against it is in force; its effect is measured from here."""

    event_type: Literal["prevention.started"] = "prevention.started"


class IncidentBody(Event):
    """An outage or disruption that makes people call."""

    family: ClassVar[str] = "incident"

    incident_id: Id
    product: Name | None = None
    region: Name | None = None
    topic: Name | None = None
    started_at: Instant | None = None
    severity: Label | None = None
    text: Text | None = None


class IncidentOpened(IncidentBody):
    """It began, or was noticed."""

    event_type: Literal["incident.opened"] = "incident.opened"


class IncidentClosed(IncidentBody):
    """It is over."""

    event_type: Literal["incident.closed"] = "incident.closed"


EVENTS: tuple[type[Event], ...] = (
    QualityReview,
    ServiceErrorFound,
    ServiceErrorRemedied,
    ProblemProposed,
    ProblemOpened,
    ProblemClosed,
    PreventionStarted,
    IncidentOpened,
    IncidentClosed,
)
