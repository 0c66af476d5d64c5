"""What both of Amazon Connect's records say of a contact flows in, ids and words of ours flow out.

A contact record and the agent events of the same contact use the same event ids, so whichever comes
first is counted at once, and the record, written last, has the last word by its higher `version`.
"""

from __future__ import annotations

from typing import Final

from pipeline.sources.adapters.adapter import Record, Sender

CHANNELS: Final = {"VOICE": "phone", "CHAT": "chat", "TASK": "task", "EMAIL": "email"}
_INBOUND: Final = frozenset({"INBOUND", "TRANSFER", "QUEUE_TRANSFER", "API", "WEBRTC_API", ""})


class QueueReference(Record):
    """A queue as an agent event names it."""

    ARN: str | None = None
    Name: str | None = None


def channel_of(channel: str | None) -> str | None:
    """Our word for a channel."""
    return None if channel is None else CHANNELS.get(channel, channel.lower()[:64])


def direction_of(method: str | None) -> str:
    """Who began; a callback is the centre's call."""
    return "inbound" if (method or "") in _INBOUND else "outbound"


def queue_of(queue: QueueReference | None, sender: Sender) -> str | None:
    """The site's word for a queue, else the vendor's name for it."""
    if queue is None:
        return None
    return _named(queue.ARN, queue.Name, sender.names.queues)


def agent_of(arn: str, sender: Sender) -> str:
    """The agent's id, the last part of the ARN, or the site's word for it.

    The ARN, because it is in both records and no person's name.
    """
    return _named(arn, None, sender.names.agents) or arn


def event_id(contact: str, step: str, agent: str = "") -> str:
    """The id of one step of a contact, per agent where several may take it."""
    return f"connect:{contact}:{step}" + (f":{agent}" if agent else "")


def _named(arn: str | None, name: str | None, names: dict[str, str]) -> str | None:
    short = (arn or "").rpartition("/")[2]
    for key in (arn, short, name):
        if key and key in names:
            return names[key]
    return name or short or None
