"""The failures of the embedded server, in words its user can act on.

EmbeddedServerError      start, stop or configuration: for people
└── NotReadyError        it may answer when it is asked again
EngineError              the engine refused a query: becomes an Exception packet
ProtocolError            a client sent what we cannot read: the connection ends
ClientGoneError          the client closed its connection
"""

from __future__ import annotations

import re

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. (DB::.*)", re.DOTALL)

UNKNOWN_SETTING = 115
UNKNOWN_EXCEPTION = 1002


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be started, reached or stopped; the text says what to do."""


class NotReadyError(EmbeddedServerError):
    """The server hangs, is slow to start or was ended while it started: trying again may help."""


class EngineError(Exception):
    """The engine refused a query.

    Args:
        code: ClickHouse error code, such as 60 for an unknown table.
        message: text as a server sends it, starting with ``DB::Exception:``.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @classmethod
    def parse(cls, text: str) -> EngineError:
        """Read chDB's error text.

        >>> EngineError.parse("Streaming query failed: Code: 60. DB::Exception: No t.").code
        60
        """
        found = _ENGINE_TEXT.search(text)
        if found is None:
            return cls(UNKNOWN_EXCEPTION, f"DB::Exception: {text}")
        return cls(int(found[1]), found[2].strip())


class ProtocolError(Exception):
    """A client sent something this server cannot read; its connection must end.

    Args:
        message: what was not understood and what to do instead.
        code: ClickHouse error code to send before closing.
    """

    def __init__(self, message: str, code: int = 101) -> None:
        super().__init__(message)
        self.code = code


class ClientGoneError(Exception):
    """The client closed its connection, or stopped reading for too long."""
