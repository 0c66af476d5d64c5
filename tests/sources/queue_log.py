"""Calls as Asterisk writes them into its queue_log."""

from __future__ import annotations

import time
from collections.abc import Iterable


def lines_of(numbers: Iterable[int]) -> bytes:
    """Calls of a minute ago: each waited 12 s for an agent and talked for 30 s."""
    return b"".join(_call(number) for number in numbers)


def _call(number: int) -> bytes:
    began = int(time.time()) - 60
    call = f"{began}.{number}"
    told = (
        (0, "NONE|ENTERQUEUE||13912345678|1"),
        (12, f"SIP/{number % 5}|CONNECT|12|{call}|4"),
        (42, f"SIP/{number % 5}|COMPLETECALLER|12|30|1"),
    )
    return "".join(f"{began + after}|{call}|support|{what}\n" for after, what in told).encode()
