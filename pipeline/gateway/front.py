"""What the HTTP process needs flows in; it lives, and answers, until this process ends.

HTTP has a process of its own, because the core and it would else take the one interpreter from each
other: at 1,000 requests a second each waits for the other's turn at every system call. It holds
nothing that must be kept, so it may be killed at any moment: it is started again, and meanwhile
connections wait, because this process holds the socket that they come to. When this process ends,
however, the sockets that join them end, and with them the other.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from pipeline.errors import GoldpanError
from pipeline.gateway.limits import Limits
from pipeline.gateway.problems import place_of
from pipeline.gateway.wire import Status, receive, send

MODULE = "pipeline.commands.front"
END_S = 15.0
"""What the HTTP process has to end: more than requests on their way are given by `HttpServer`."""
_ROOT = Path(__file__).resolve().parents[2]


class FrontSettings(msgspec.Struct):
    """What the HTTP process is told at its start.

    Attributes:
        data_dir: where keys lie.
        clickhouse, database: the store of the boards, as options name it.
        boards: whether there are any.
        site: the site's configuration, as JSON.
        limits: of the gateway.
    """

    data_dir: str
    clickhouse: str | None
    database: str | None
    boards: bool
    site: str
    limits: Limits


class Front:
    """The HTTP process. Its address takes connections from the beginning to `close`.

    Args:
        settings: what it is told.
        listener: where connections come in; closed with this.
        commit: makes durable what comes over the socket of groups: see `Commits.serve`.
        status: tells how everything is; called in a thread of its own.
        tell: is given a sentence when the process must be started again, or about a bug.
        failed: is given the error if it cannot be started.
    """

    def __init__(
        self,
        settings: FrontSettings,
        listener: socket.socket,
        commit: Callable[[socket.socket], None],
        status: Callable[[], Status],
        *,
        tell: Callable[[str], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._settings = msgspec.json.encode(settings)
        self._listener = listener
        self._commit = commit
        self._status = status
        self._tell = tell
        self._failed = failed
        self._lock = threading.Lock()
        self._closing = False
        self._link: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="front")
        self._thread.start()

    def close(self) -> None:
        """Take no more, let what is under way end, and end the process."""
        with self._lock:
            self._closing = True
            self._listener.close()
            if self._link is not None:
                self._link.shutdown(socket.SHUT_WR)
        self._thread.join(END_S)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
            self._thread.join()

    def _run(self) -> None:
        # A signal is for this process alone to act on: what it starts here inherits that.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            while not self._closing:
                self._live_once()
        except BaseException as error:
            self._failed(error)

    def _live_once(self) -> None:
        """Start the process and serve it until it ends.

        Raises:
            GoldpanError: it ended before it began to serve.
        """
        groups, its_groups = socket.socketpair()
        link, its_link = socket.socketpair()
        asked = threading.Event()
        answers = threading.Thread(target=self._answer, args=(link, asked), name="status")
        with groups, link:
            with its_groups, its_link, self._lock:
                if self._closing:
                    return
                process = self._process = self._start(its_groups, its_link)
                self._link = link
            answers.start()
            try:
                self._commit(groups)
            finally:
                groups.close()  # which ends it, if it has not ended
                ended = process.wait()
                answers.join()
                with self._lock:
                    self._link = None
        if self._closing:
            return
        if not asked.is_set():
            msg = f"the HTTP process ended with status {ended} before it took a request"
            raise GoldpanError(msg)
        self._tell(f"the HTTP process ended with status {ended}; it is started again")

    def _start(self, groups: socket.socket, link: socket.socket) -> subprocess.Popen[bytes]:
        inherited = [each.fileno() for each in (self._listener, groups, link)]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, *map(str, inherited)],
            stdin=subprocess.PIPE,
            pass_fds=inherited,
            env=os.environ | {"PYTHONPATH": _path()},
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(self._settings)
        return process

    def _answer(self, link: socket.socket, asked: threading.Event) -> None:
        """Answer until the other side has gone."""
        while receive(link) is not None:
            asked.set()
            try:
                answer = msgspec.msgpack.encode(self._status())
            except Exception as error:
                self._tell(f"a bug: {place_of(error)}")
                answer = b""
            try:
                send(link, answer)
            except OSError:
                return


def _path() -> str:
    """Where the process finds this program, wherever it is started."""
    return os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
