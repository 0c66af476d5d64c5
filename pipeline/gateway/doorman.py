"""A request flows in, the key that it is sent with flows out, or why it may not come in."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from aiohttp import hdrs, web

from pipeline.gateway.keys import Key, KeyRing
from pipeline.gateway.limits import Limits, Rates
from pipeline.gateway.problems import Refusal
from pipeline.sources.adapters import Adapter


class Doorman:
    """Lets in who has a key, at the key's rate."""

    def __init__(self, keys: KeyRing, limits: Limits) -> None:
        self._keys = keys
        self._limits = limits
        self._rates = Rates(limits.burst)

    def key(self, request: web.Request) -> Key:
        """The key of a request: as a bearer token, or as the password of HTTP's basic form.

        Raises:
            Refusal: 401, there is none, or none that is valid.
        """
        token = _token(request.headers.get(hdrs.AUTHORIZATION, ""))
        if not token:
            message = "no key; send 'Authorization: Bearer KEY', made by 'goldpan keys add'"
            raise Refusal(401, "no_key", message, close=True)
        key, problem = self._keys.find(token, datetime.now(UTC))
        if key is None:
            message = f"{problem}; look at 'goldpan keys list', or make one with 'goldpan keys add'"
            raise Refusal(401, "bad_key", message, close=True)
        return key

    def charge(self, key: Key, events: int) -> None:
        """Count events against the key's rate.

        Raises:
            Refusal: 429, and when there is room again.
        """
        rate = key.events_per_second or self._limits.events_per_second
        wait_s = self._rates.wait_s(key.name, rate, events)
        if wait_s:
            message = f"the key {key.name} may send {rate:,} events a second; send it again later"
            raise Refusal(429, "too_fast", message, retry_s=wait_s)

    @staticmethod
    def check_signature(request: web.Request, body: bytes, key: Key, adapter: Adapter) -> None:
        """Check that the vendor signed a body, where the key holds the secret to do so.

        Raises:
            Refusal: 401, it did not.
        """
        if key.signing_secret is None or adapter.verify is None:
            return
        if not adapter.verify(request.headers, body, key.signing_secret):
            message = (
                f"the signature does not fit the body; give the key {key.name} the secret that "
                f"{adapter.name} shows: 'goldpan keys add NAME --signing-secret-file FILE'"
            )
            raise Refusal(401, "bad_signature", message)


def _token(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
