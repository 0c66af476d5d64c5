"""A port flows in, a port with faults flows out: a wire that can be cut, and be slow."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Wire:
    """Forwards connections to a port of this machine.

    Attributes:
        port: where it listens.
        client_bytes, server_bytes: of what that side says, the connection is cut after so many; -1
            for never.
        delay_s: how long every answer is held back.
    """

    def __init__(self, target: int) -> None:
        self.client_bytes = self.server_bytes = -1
        self.delay_s = 0.0
        self._target = target
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            # One that ends, or is cut, takes the other with it.
            for side in (False, True):
                pair = (server, client) if side else (client, server)
                thread = threading.Thread(target=self._forward, args=(*pair, side))
                self._threads.append(thread)
                thread.start()

    def _forward(self, source: socket.socket, goal: socket.socket, answers: bool) -> None:
        said = 0
        with suppress(OSError):
            while data := source.recv(4096):
                said += len(data)
                if answers:
                    self._stop.wait(self.delay_s)
                most = self.server_bytes if answers else self.client_bytes
                if 0 <= most < said or self._stop.is_set():
                    break
                goal.sendall(data)
        for one in (source, goal):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()
