"""An application flows in, an HTTP server in a thread of its own flows out.

Slow clients cost a connection and nothing else: one that has sent no whole header after
`IDLE_S` is cut off, bodies have a deadline of their own, and what is not read is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

from pipeline.errors import ConfigError

IDLE_S = 75.0
"""Longer than the 60 s after which the usual proxies let go of a connection."""
DRAIN_S = 10.0
"""What requests on their way have, when the server is told to stop."""
_BACKLOG = 1_024
_LINGER_S = 2.0
_FILES_BESIDE = 200
"""Descriptors that are not connections: segments, the store, libraries."""

T = TypeVar("T")


class HttpServer:
    """One application on one address."""

    def __init__(
        self,
        app: web.Application,
        host: str,
        port: int,
        *,
        connections: int,
        tell: Callable[[str], None],
    ) -> None:
        """Bind and listen.

        Args:
            app: routes and all; it runs in this server's thread.
            host: loopback, unless something in front of it does TLS.
            port: 0 for any free one.
            connections: how many it must be able to hold.
            tell: is given what the HTTP library has to say, without a word of any request.

        Raises:
            ConfigError: the address cannot be had.
        """
        _allow_files(connections + _FILES_BESIDE)
        self._loop = asyncio.new_event_loop()
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_quiet_logger(tell),
            auto_decompress=False,
            keepalive_timeout=IDLE_S,
            lingering_time=_LINGER_S,
            shutdown_timeout=DRAIN_S,
            handle_signals=False,
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="http")
        self._thread.start()
        try:
            self.port = self._call(self._listen(host, port))
        except OSError as error:
            self.close()
            msg = (
                f"cannot listen on {host}:{port}: {error.strerror or error}; stop what uses it, or "
                "choose another with --port and --host"
            )
            raise ConfigError(msg) from error
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        server = self._runner.server
        return len(server.connections) if server is not None else 0

    def close(self) -> None:
        """Take no more, let what is under way end, and close."""
        self._call(self._runner.cleanup())
        self._call(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self, host: str, port: int) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=_BACKLOG).start()
        return int(self._runner.addresses[0][1])

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
