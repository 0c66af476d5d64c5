"""Bytes of a socket or of memory go in, wire values come out, and whole blocks go on to a sink.

It stands on ``clickhouse-driver``'s Cython reader, which finds the ends of 10,000 strings in a
millisecond. While a sink is set, everything that is consumed is also handed to the sink, straight
from the receive buffer: that is how an INSERT streams without being decoded.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from clickhouse_driver.bufferedreader import BufferedReader

from infra.clickhouse.errors import ClientGoneError, ProtocolError

Sink = Callable[[memoryview], None]

_STRINGS_AT_ONCE = 8192
"""Bounds the Python objects that walking a string column creates at one time."""


class WireReader(BufferedReader):  # type: ignore[misc]
    """Wire values from a buffer that a subclass refills."""

    position: int
    current_buffer_size: int
    buffer: bytearray

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._sink: Sink | None = None
        self._mark = 0

    def refill(self) -> int:
        """Overwrite the buffer; return the number of valid bytes, which is at least 1."""
        raise NotImplementedError

    def read_into_buffer(self) -> None:
        """Called by the Cython base exactly when the whole buffer is consumed."""
        self._flush(self.current_buffer_size)
        self._mark = 0
        self.current_buffer_size = self.refill()

    def pour_into(self, sink: Sink) -> None:
        """From here on, hand everything consumed to ``sink``."""
        self._sink = sink
        self._mark = self.position

    def end_pour(self) -> None:
        """Hand over what is still due and stop."""
        self._flush(self.position)
        self._sink = None

    def drop_pour(self) -> None:
        """Stop without handing over the rest."""
        self._sink = None

    def _flush(self, end: int) -> None:
        if self._sink is not None and end > self._mark:
            self._sink(memoryview(self.buffer)[self._mark : end])
            self._mark = end

    def unread(self) -> int:
        """Bytes that are received but not consumed."""
        return self.current_buffer_size - self.position

    def skip(self, count: int) -> None:
        """Consume ``count`` bytes."""
        while count > 0:
            if self.position == self.current_buffer_size:
                self.read_into_buffer()
                self.position = 0
            step = min(count, self.current_buffer_size - self.position)
            self.position += step
            count -= step

    def take(self, count: int) -> bytes:
        """Consume and return ``count`` bytes."""
        out = bytearray()
        while count > 0:
            if self.position == self.current_buffer_size:
                self.read_into_buffer()
                self.position = 0
            step = min(count, self.current_buffer_size - self.position)
            out += self.buffer[self.position : self.position + step]
            self.position += step
            count -= step
        return bytes(out)

    def varint(self) -> int:
        """A little-endian base-128 integer."""
        shift = result = 0
        while True:
            byte: int = self.read_one()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
            if shift > 63:
                msg = "a number longer than 64 bits: this is no ClickHouse client"
                raise ProtocolError(msg)

    def uint8(self) -> int:
        """One byte."""
        byte: int = self.read_one()
        return byte

    def uint64(self) -> int:
        """Eight bytes, little-endian."""
        return int.from_bytes(self.take(8), "little")

    def text(self, limit: int) -> str:
        """A string of at most ``limit`` bytes; undecodable bytes are kept as surrogates."""
        size = self.varint()
        if size > limit:
            msg = f"a string of {size} bytes where at most {limit} are allowed"
            raise ProtocolError(msg)
        return self.take(size).decode("utf-8", "surrogateescape")

    def skip_strings(self, count: int) -> None:
        """Consume ``count`` length-prefixed strings."""
        while count > 0:
            step = min(count, _STRINGS_AT_ONCE)
            self.read_strings(step)
            count -= step


class SocketReader(WireReader):
    """Reads one client's socket."""

    def __init__(self, sock: socket.socket, size: int = 256 * 1024) -> None:
        super().__init__(size)
        self._sock = sock

    def refill(self) -> int:
        """Wait for bytes; raises ClientGoneError at the end of the stream or on time-out."""
        try:
            received = self._sock.recv_into(self.buffer)
        except OSError as error:
            raise ClientGoneError(str(error)) from error
        if received == 0:
            msg = "closed by the client"
            raise ClientGoneError(msg)
        return received


class MemoryReader(WireReader):
    """Reads bytes that are all there."""

    def __init__(self, data: bytes | memoryview) -> None:
        super().__init__(0)
        self.buffer = bytearray(data)
        self.current_buffer_size = len(self.buffer)

    def refill(self) -> int:
        """Raise: a block of the engine ended before its columns did."""
        msg = "a block ended early"
        raise ProtocolError(msg)
