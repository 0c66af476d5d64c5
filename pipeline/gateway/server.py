"""An application and a socket flow in, an HTTP server in a thread of its own flows out.

Slow clients cost a connection and nothing else: one that has sent no whole header after `idle_s` is
cut off, bodies have a deadline of their own, and what is not read is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from pipeline.gateway.limits import Limits

DRAIN_S = 10.0
"""What requests on their way have, when the server is told to stop."""
_LINGER_S = 2.0
_FILES_BESIDE = 200
"""Descriptors that are not connections: segments, the store, libraries."""

T = TypeVar("T")


class HttpServer:
    """One application on one address."""

    def __init__(
        self,
        app: web.Application,
        listener: socket.socket,
        limits: Limits,
        tell: Callable[[str], None],
    ) -> None:
        """Begin to serve.

        Args:
            app: routes and all; it runs in this server's thread.
            listener: see `listener`; closed with the server.
            limits: how many connections it must be able to hold, and for how long idle ones.
            tell: is given what the HTTP library has to say, without a word of any request.
        """
        _allow_files(limits.connections + _FILES_BESIDE)
        self._loop = asyncio.new_event_loop()
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_quiet_logger(tell),
            auto_decompress=False,
            keepalive_timeout=limits.idle_s,
            lingering_time=_LINGER_S,
            shutdown_timeout=DRAIN_S,
            handle_signals=False,
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="http")
        self._thread.start()
        self._call(self._serve(listener))

    def close(self) -> None:
        """Take no more, let what is under way end, and close."""
        self._call(self._runner.cleanup())
        self._call(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, listener: socket.socket) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _allow_files(count: int) -> None:
    """Raise the soft limit of open files as far as it is needed and allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _quiet_logger(tell: Callable[[str], None]) -> logging.Logger:
    """A logger that tells of what kind an error is; its words would quote the request."""
    logger = logging.Logger("http", logging.ERROR)
    logger.addHandler(_Kinds(tell))
    return logger


class _Kinds(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        self._tell(f"http: {kind.__name__ if kind else 'error'}")
