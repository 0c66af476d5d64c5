"""A file's payloads flow in; what may be kept of them flows out, as from the gateway.

What enters the log from a file is cleansed just like what enters it over HTTP: fields that no
contract knows are dropped, phones and accounts hashed, text masked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from pipeline.decode import UNREADABLE_ROW_TYPE, DeadLetter, Decoder
from pipeline.masking import mask_text, quoted
from pipeline.sources.privacy import Privacy
from pipeline.sources.source import Source

_ENVELOPE: Final = frozenset({"event_id", "event_type", "site", "source", "occurred_at"})
_END_OF_TIME: Final = 1 << 62
"""Whether an event is from the future is for the core to say; it knows when it came."""
_MOST_REASONS: Final = 50
"""Things passed over that a summary names."""
_decoder: Final = msgspec.json.Decoder()


class Cleansed:
    """A source whose payloads may enter the log."""

    def __init__(self, source: Source, privacy: Privacy) -> None:
        """Cleanse what `source` yields."""
        self.name = source.name
        self.allowed_lateness_ms = source.allowed_lateness_ms
        self.repairs = source.repairs
        self.skipped = source.skipped
        self._source = source
        self._privacy = privacy
        self._judge = Decoder()

    @property
    def position(self) -> int:
        """Bytes of the file that have been read."""
        return self._source.position

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._source.size

    def events(self) -> Iterator[bytes]:
        """Yield one payload for each of the source's, in its order.

        Raises:
            InputError: as the source does.
        """
        for payload in self._source.events():
            yield self._cleansed(payload)

    def _cleansed(self, payload: bytes) -> bytes:
        try:
            content: Any = _decoder.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # Byte for byte, so that what was no JSON stays none, for the same reason.
            return mask_text(payload.decode("latin-1")).encode("latin-1")
        if not isinstance(content, dict):
            return msgspec.json.encode(self._privacy.hardened(content))
        if content.get("event_type") == UNREADABLE_ROW_TYPE:
            return self._hardened(content)
        event, dropped = self._privacy.cleansed(content)
        self._count(dropped)
        kept = msgspec.json.encode(event)
        if isinstance(self._judge.decode(kept, _END_OF_TIME), DeadLetter):
            return self._hardened(event)
        return kept

    def _count(self, dropped: list[str]) -> None:
        for name in dropped:
            what = f"field {quoted(name)}, which no event has: dropped"
            if what in self.skipped or len(self.skipped) < _MOST_REASONS:
                self.skipped[what] += 1

    def _hardened(self, content: dict[str, Any]) -> bytes:
        """What is no event may have a number in any field."""
        kept = {
            name: value if name in _ENVELOPE else self._privacy.hardened(value)
            for name, value in content.items()
        }
        return msgspec.json.encode(kept)
