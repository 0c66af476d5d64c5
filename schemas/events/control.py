"""What people and sources tell the pipeline itself flows in: alert actions, config, heartbeats."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.envelope import Count, Document, Event, Id, Instant, Label, Name, Text


class AlertAction(Event):
    """Somebody acted on one alert, or on all that match."""

    family: ClassVar[str] = "alert"

    who: Id
    alert_id: Id | None = None
    matcher: Annotated[dict[Label, Name], Field(min_length=1, max_length=20)] | None = None
    """Label to value; an alert matches where all of them are equal."""
    until: Instant | None = None
    note: Text | None = None

    def check(self) -> None:
        """Refuse an action on nothing."""
        if self.alert_id is None and self.matcher is None:
            msg = "alert_id or matcher is needed, to know which alerts are meant"
            raise ValueError(msg)


class AlertAcknowledged(AlertAction):
    """Somebody is on it."""

    event_type: Literal["alert.acknowledged"] = "alert.acknowledged"


class AlertSilenced(AlertAction):
    """Not to be told again before `until`."""

    event_type: Literal["alert.silenced"] = "alert.silenced"


class AlertResolved(AlertAction):
    """Somebody says it is over."""

    event_type: Literal["alert.resolved"] = "alert.resolved"


class AlertFeedback(AlertAction):
    """Somebody says whether the alert was of use."""

    event_type: Literal["alert.feedback"] = "alert.feedback"
    useful: bool | None = None


class ConfigChanged(Event):
    """A configuration is in force from this record on."""

    family: ClassVar[str] = "config"

    event_type: Literal["config.changed"] = "config.changed"
    who: Id
    path: Name | None = None
    content_hash: Id | None = None
    content: Document | None = None
    note: Text | None = None


class SourceHeartbeat(Event):
    """The source is alive and has sent `seq` events: idle can be told from broken."""

    family: ClassVar[str] = "source"

    event_type: Literal["source.heartbeat"] = "source.heartbeat"
    seq: Count | None = None


EVENTS: tuple[type[Event], ...] = (
    AlertAcknowledged,
    AlertSilenced,
    AlertResolved,
    AlertFeedback,
    ConfigChanged,
    SourceHeartbeat,
)
