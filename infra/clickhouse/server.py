"""Connections to a loopback port come in, one session thread per client goes out.

Bounds: a number of clients (the next one is refused with code 202), ten seconds to log in, five
minutes without a client taking its answer.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import signal
import socket
import threading
import time
from types import FrameType

from infra.clickhouse.engine import Engine
from infra.clickhouse.errors import EngineError
from infra.clickhouse.session import Account, ClientSession
from infra.clickhouse.watch import Watcher

_LOG = logging.getLogger(__name__)

_TOO_MANY = 202
_REFUSERS = 16
"""How many refusals may be said at a time; beyond that, connections are closed silently."""
_GRACE_S = 5.0
_KILL_S = 2.0


class Listener:
    """Serves clients until a signal says stop.

    Args:
        sock: bound and listening.
        engine: opened.
        account: whom to let in.
        max_clients: how many at a time.
    """

    def __init__(
        self, sock: socket.socket, engine: Engine, account: Account, max_clients: int
    ) -> None:
        self._sock = sock
        self._engine = engine
        self._account = account
        self._max_clients = max_clients
        self._watcher = Watcher(self._kill)
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, tuple[threading.Thread, ClientSession]] = {}
        self._refusing = 0
        self._is_stopping = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT end ``serve``."""
        signal.set_wakeup_fd(self._wake_write)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_stopping = True

    def serve(self) -> None:
        """Accept clients until told to stop, then let running queries finish for some seconds."""
        self._watcher.start()
        poller = select.poll()
        poller.register(self._sock, select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        numbers = itertools.count(1)
        while not self._is_stopping:
            for ready, _ in poller.poll():
                if ready == self._sock.fileno():
                    self._accept(f"client-{next(numbers)}")
        self._shut_down()

    def _accept(self, tag: str) -> None:
        try:
            sock, _ = self._sock.accept()
        except OSError as error:  # it left again, or we are out of descriptors
            _LOG.warning("accept failed: %s", error)
            time.sleep(0.05)
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = ClientSession(
            sock,
            tag,
            self._engine,
            self._account,
            self._watcher,
            is_stopping=lambda: self._is_stopping,
        )
        with self._lock:
            is_full = len(self._clients) - self._refusing >= self._max_clients
            if is_full and self._refusing >= _REFUSERS:
                sock.close()
                return
            self._refusing += is_full
            thread = threading.Thread(
                target=self._run, args=(sock, session, is_full), name=tag, daemon=True
            )
            self._clients[sock] = (thread, session)
        thread.start()

    def _run(self, sock: socket.socket, session: ClientSession, is_full: bool) -> None:
        try:
            if is_full:
                msg = f"Too many clients: at most {self._max_clients} at a time"
                session.refuse(_TOO_MANY, f"DB::Exception: {msg}.")
            else:
                session.run()
        except Exception:
            # The outermost frame of the thread: one client's fault must not end the others.
            _LOG.exception("session failed")
        finally:
            with self._lock:
                self._clients.pop(sock, None)
                self._refusing -= is_full
            sock.close()

    def _kill(self, tag: str) -> None:
        try:
            self._engine.kill(tag)
        except EngineError as error:
            _LOG.warning("could not stop the query of %s: code %d", tag, error.code)

    def _shut_down(self) -> None:
        self._sock.close()
        with self._lock:
            running = list(self._clients.items())
        _LOG.info("stopping, %d clients", len(running))
        for sock, (_, session) in running:
            if not session.is_busy:
                _hang_up(sock)
        threads = [thread for _, (thread, _) in running]
        _join(threads, _GRACE_S)
        self._watcher.kill_all()
        _join(threads, _KILL_S)
        for sock, _ in running:
            _hang_up(sock)
        _join(threads, _KILL_S)
        self._watcher.stop()


def _join(threads: list[threading.Thread], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
