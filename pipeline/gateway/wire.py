"""Messages flow between the pipeline's process and that of HTTP, over Unix sockets, framed.

Two sockets join them. On each, HTTP's process asks and the pipeline's answers, one at a time:

    groups    a `Group` of requests' events -> a `Settled`, once they are durable or refused
    status    nothing                       -> a `Status`: how everything is at this moment

A socket that ends tells each side of the other's end, however it came about.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import msgspec

from pipeline.gateway.backend import Bound

_LENGTH = struct.Struct("!I")


class Group(msgspec.Struct, array_like=True):
    """The events of the requests that came together, in their order, and what to count of them."""

    payloads: list[bytes]
    counts: dict[str, int]


class Settled(msgspec.Struct, array_like=True):
    """A group is durable; or it was refused as a whole: what `Refusal` is made of."""

    refusal: tuple[int, str, str, float] | None


class Status(msgspec.Struct, array_like=True):
    """How the pipeline's process is.

    Attributes:
        reasons: why what comes in is not counted and seen within seconds; none if it is.
        bounds: all that is bounded in it.
        metrics: the rest that it counts, as Prometheus reads it.
    """

    reasons: list[str]
    bounds: list[Bound]
    metrics: bytes


def send(link: socket.socket, message: bytes) -> None:
    """Send a message.

    Raises:
        OSError: the other side has gone.
    """
    link.sendall(_LENGTH.pack(len(message)) + message)


def receive(link: socket.socket) -> bytes | None:
    """The next message; None when there is none any more, because the other side has gone."""
    head = _read(link, _LENGTH.size)
    return None if head is None else _read(link, *_LENGTH.unpack(head))


def _read(link: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        try:
            part = link.recv(size - len(data))
        except ConnectionError:
            part = b""
        if not part:
            return None
        data += part
    return bytes(data)


class Line(asyncio.Protocol):
    """The asking side of a socket.

    Args:
        lost: is called when the other side has gone.
    """

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._came = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._came += data
        begin = _LENGTH.size
        if len(self._came) >= begin:
            (size,) = _LENGTH.unpack_from(self._came)
            if len(self._came) == begin + size:
                answer, self._answer = self._answer, None
                assert answer is not None
                answer.set_result(bytes(self._came[begin:]))
                self._came.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._answer is not None:
            self._answer.set_exception(ConnectionResetError())
        self._lost()

    async def connect(self, link: socket.socket) -> None:
        """Begin, in the loop that is running."""
        await asyncio.get_running_loop().create_connection(lambda: self, sock=link)

    async def ask(self, message: bytes) -> bytes:
        """The answer to a message. The next one may be asked only after it.

        Raises:
            ConnectionError: there is none, because the other side has gone.
        """
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._transport.writelines((_LENGTH.pack(len(message)), message))
        return await answer
