"""The failures of the local broker, in words its user can act on."""

from __future__ import annotations


class BrokerError(RuntimeError):
    """The broker could not be prepared, started, reached or stopped; the text says what to do."""
