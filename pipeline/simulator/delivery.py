"""Events flow in, requests to a gateway flow out, until it has said that it has them.

A request that fails, or is answered with 429 or 503, is sent again as it was: the ids are the same,
so nothing counts twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from pipeline.errors import ConfigError, InputError

MOST_EVENTS: Final = 1_000
"""Of one request."""
TIMEOUT_S: Final = 30.0
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 15.0
_AGAIN: Final = (408, 429, 500, 502, 503, 504)


class Gateway:
    """One connection to `POST /v1/events`.

    Args:
        url: of the gateway, such as http://127.0.0.1:8400.
        key: that it knows.
        patience_s: for how long a request is tried before it is given up.
    """

    def __init__(self, url: str, key: str, patience_s: float = 300.0) -> None:
        """Look at the address; nothing is sent yet.

        Raises:
            ConfigError: the address is none.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            msg = f"{url!r} is no address of a gateway; write http://127.0.0.1:8400"
            raise ConfigError(msg)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._path = parts.path.rstrip("/") + "/v1/events"
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-ndjson",
        }
        self._patience_s = patience_s

    def send(self, events: Iterable[bytes]) -> None:
        """Deliver events in order.

        Raises:
            InputError: the gateway refused some, or could not be reached for too long.
        """
        batch: list[bytes] = []
        for event in events:
            batch.append(event)
            if len(batch) == MOST_EVENTS:
                self._deliver(batch)
                batch = []
        if batch:
            self._deliver(batch)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _deliver(self, batch: Sequence[bytes]) -> None:
        body = b"\n".join(batch) + b"\n"
        wait_s, give_up_at = _FIRST_WAIT_S, time.monotonic() + self._patience_s
        while True:
            try:
                status, said, asked_s = self._post(body)
            except (OSError, HTTPException) as error:
                self._connection.close()
                status, said, asked_s = 0, str(error) or type(error).__name__, 0.0
            if 200 <= status < 300:
                return
            if status and status not in _AGAIN:
                msg = f"the gateway refused events with {status}: {said}"
                raise InputError(msg)
            pause_s = max(asked_s, wait_s)
            if time.monotonic() + pause_s > give_up_at:
                msg = f"the gateway does not take events ({status or said}); see that it runs"
                raise InputError(msg)
            time.sleep(pause_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _post(self, body: bytes) -> tuple[int, str, float]:
        """Send once: the status, what was said, and how many seconds to wait if asked to."""
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        said = answer.read().decode("utf-8", "replace")
        return answer.status, said[:500], _retry_after_s(answer)


def _retry_after_s(answer: HTTPResponse) -> float:
    text = answer.getheader("Retry-After", "")
    return float(text) if text.isdigit() else 0.0
