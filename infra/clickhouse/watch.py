"""Sockets of clients with a running query go in; clients that left or cancelled come out.

A thread inside the engine does not read its client's socket, so someone else has to notice that
nobody waits for the answer any more.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from infra.clickhouse import wire

_HANGUP = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
PERIOD_S = 0.2


@dataclass
class Watched:
    """One running query; ``stopped`` if its client left or cancelled."""

    sock: socket.socket
    tag: str
    stopped: bool = False


class Watcher(threading.Thread):
    """Kills the queries of clients that closed their connection or sent Cancel.

    Args:
        kill: ends the query with a tag; may be called more than once.
    """

    def __init__(self, kill: Callable[[str], None]) -> None:
        super().__init__(name="watch", daemon=True)
        self._kill = kill
        self._lock = threading.Lock()
        self._running: dict[int, Watched] = {}
        self._stop_event = threading.Event()

    def begin(self, sock: socket.socket, tag: str) -> None:
        """From now on, ``tag`` has a query running for ``sock``."""
        with self._lock:
            self._running[sock.fileno()] = Watched(sock, tag)

    def end(self, sock: socket.socket) -> bool:
        """The query is over. Returns True if its client wanted it to stop.

        No kill for this query can come after this returns, so the next one is safe.
        """
        with self._lock:
            watched = self._running.pop(sock.fileno(), None)
            return watched is not None and watched.stopped

    def kill_all(self) -> None:
        """Stop every running query; the clients, who did not ask for it, get an error."""
        with self._lock:
            for watched in self._running.values():
                self._kill(watched.tag)

    def stop(self) -> None:
        """End the thread."""
        self._stop_event.set()

    def run(self) -> None:
        """Look at all running queries' sockets, a few times a second."""
        while not self._stop_event.wait(PERIOD_S):
            with self._lock:
                if self._running:
                    self._look()

    def _look(self) -> None:
        poller = select.poll()  # select() refuses descriptors above 1023
        for number in self._running:
            poller.register(number, select.POLLIN | _HANGUP)
        for number, events in poller.poll(0):
            watched = self._running[number]
            if events & _HANGUP or _wants_out(watched.sock):
                watched.stopped = True
                # Repeated until the query ends: it may not have been registered yet the first time.
                self._kill(watched.tag)


def _wants_out(sock: socket.socket) -> bool:
    try:
        ahead = sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return ahead == b"" or ahead[0] == wire.CANCEL
