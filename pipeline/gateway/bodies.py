"""A request flows in, its whole body flows out, unpacked, or a refusal before it does harm.

Nothing is believed: not the length that is announced, not the ratio of a compressed body, not that
the client goes on sending.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from pipeline.gateway.limits import Limits
from pipeline.gateway.problems import Refusal

_GZIP = 31
"""zlib's number for: a gzip header, and a window of 32 KiB."""
_STEP = 256 << 10
"""Bytes that are unpacked at a time."""


class Unpacker(Protocol):
    """Takes a body's bytes as they come, gives them as they were before compression."""

    def feed(self, data: bytes) -> bytes:
        """Some bytes; may raise a `Refusal`."""

    def finish(self) -> None:
        """There are no more; raises a `Refusal` if something is missing."""


async def read_body(request: web.Request, limits: Limits, take: Callable[[int], bool]) -> bytes:
    """Read and unpack a body.

    Args:
        request: whose body was not read.
        limits: what is allowed.
        take: takes bytes from what all requests share.

    Raises:
        Refusal: 413 too large, 415 an encoding that is not known, 408 too slow, 400 broken, 503
            too much at once.
    """
    announced = request.content_length or 0
    if announced > limits.body_bytes:
        raise _too_large(limits.body_bytes)
    unpacker = _unpacker(request, limits)
    body = bytearray()
    received = 0
    try:
        # A small one has mostly come with its header: then there is nothing to wait for.
        async with asyncio.timeout(None if request.content.is_eof() else limits.body_s):
            while data := await request.content.readany():
                received += len(data)
                if received > limits.body_bytes:
                    raise _too_large(limits.body_bytes)
                unpacked = unpacker.feed(data)
                if not take(len(unpacked)):
                    message = "too many requests are being read at this moment; send it again"
                    raise Refusal(503, "busy", message, retry_s=1, close=True)
                body += unpacked
    except TimeoutError as error:
        message = (
            f"the body did not arrive within {limits.body_s:g} s ({received:,} bytes came); "
            "send smaller batches, or look at the network"
        )
        raise Refusal(408, "slow_body", message, close=True) from error
    unpacker.finish()
    return bytes(body)


def _unpacker(request: web.Request, limits: Limits) -> Unpacker:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return _AsIs()
    if encoding in {"gzip", "x-gzip"}:
        return _Gzip(limits.inflated_bytes)
    message = f"Content-Encoding is {encoding[:40]!r}; send gzip, or nothing compressed"
    raise Refusal(415, "unknown_encoding", message, close=True)


class _AsIs:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> None:
        return


class _Gzip:
    """Members of gzip one behind the other, unpacked piece by piece up to a bound."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._done = 0
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        pieces = []
        while data:
            if self._member.eof:
                self._member, self._begun = zlib.decompressobj(_GZIP), False
            try:
                piece = self._member.decompress(data, _STEP)
            except zlib.error as error:
                message = "the body is not gzip, though Content-Encoding says so"
                raise Refusal(400, "broken_gzip", message, close=True) from error
            self._begun = True
            self._done += len(piece)
            if self._done > self._most:
                raise _too_large(self._most, " unpacked")
            pieces.append(piece)
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return b"".join(pieces)

    def finish(self) -> None:
        if self._begun and not self._member.eof:
            message = "the gzip body breaks off before its end; send it again"
            raise Refusal(400, "broken_gzip", message)


def _too_large(most: int, how: str = "") -> Refusal:
    message = f"the body has more than {most:,} bytes{how}; send it in smaller batches"
    return Refusal(413, "too_large", message, close=True)
