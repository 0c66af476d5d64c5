"""Command-line options go in, a running server comes out: ``python -m infra.clickhouse --path D``.

The one line on standard output tells whoever started it how it went:
``{"port": 9123, "pid": 4711}`` or ``{"error": "..."}``.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import resource
import socket
import sys
import time
from pathlib import Path

from infra.clickhouse import logs, state
from infra.clickhouse.errors import EmbeddedServerError, EngineError
from infra.clickhouse.limits import Limits
from infra.ports import any_port
from infra.process import Process

_LOG = logging.getLogger("infra.clickhouse")
_BACKLOG = 128
_DESCRIPTORS = 65536
_PORT_S = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Run the server until SIGTERM or Ctrl-C.

    Returns:
        0 after a regular stop, 1 if it could not start.
    """
    options = _options(arguments)
    directory = options.path.resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    logs.set_up(state.paths(directory).log if options.log_to_file else None)
    try:
        _run(directory, options)
    except EmbeddedServerError as error:
        _LOG.error("did not start: %s", error)
        _say(error=str(error))
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.clickhouse", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="data directory")
    parser.add_argument("--port", type=int, default=0, help="0: the last one, or any free one")
    parser.add_argument("--database", default="goldpan", help="created if missing")
    parser.add_argument("--max-memory", type=int, default=4 << 30, help="bytes for the engine")
    parser.add_argument("--max-clients", type=int, default=64, help="at the same time")
    parser.add_argument("--log-to-file", action="store_true", help="server.log, not stderr")
    return parser.parse_args(arguments)


def _run(directory: Path, options: argparse.Namespace) -> None:
    _allow_descriptors()
    # The engine and its server read the zone of the process; ours is UTC everywhere.
    os.environ["TZ"] = "UTC"
    _lock = state.HeldLock(directory)  # held until the process ends
    before = state.State.load(directory)
    sock = _listen(options.port, before.port if before else 0)

    # Only now: they load 200 MB, and the errors above should come at once.
    from infra.clickhouse.engine import Engine  # noqa: PLC0415
    from infra.clickhouse.server import Listener  # noqa: PLC0415
    from infra.clickhouse.session import Account  # noqa: PLC0415

    try:
        limits = Limits(options.max_memory)
        engine = Engine(state.paths(directory).data, options.database, limits)
    except EngineError as error:
        msg = f"the engine refuses the directory {directory}: {error.message}"
        raise EmbeddedServerError(msg) from error
    process = Process.of(os.getpid())
    password = before.password if before else state.new_password()
    port = int(sock.getsockname()[1])
    now = state.State(port, password, options.database, process)
    listener = Listener(sock, engine, Account(now.user, password), options.max_clients)
    listener.stop_on_signals()
    now.save(directory)
    _LOG.info("listening on %s:%d, data in %s", now.host, port, directory)
    _say(port=port, pid=process.pid)
    listener.serve()
    engine.close()
    _LOG.info("stopped")


def _allow_descriptors() -> None:
    """Raise the soft limit of open files as far as we may.

    The engine keeps up to three descriptors per pooled thread, and about 160 threads after the
    first large DROP TABLE; together with clients and parts that comes near the usual 1024.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(wanted: int, remembered: int) -> socket.socket:
    """Bind to loopback: the named port or nothing, else the last one, else any free one."""
    port = wanted or remembered or any_port()
    deadline = time.monotonic() + _PORT_S
    while True:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # restarts reuse the port
        try:
            sock.bind((state.HOST, port))
            sock.listen(_BACKLOG)
        except OSError as error:
            sock.close()
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            if port in {wanted, remembered} and time.monotonic() < deadline:
                time.sleep(0.02)  # a killed server keeps its port for a moment
            elif wanted:
                msg = (
                    f"port {wanted} on {state.HOST} cannot be used (taken, or not allowed): end "
                    "what listens there, or name another port, or 0 for any free one"
                )
                raise EmbeddedServerError(msg) from error
            else:
                port = any_port()
        else:
            return sock


def _say(**answer: object) -> None:
    """Tell the starter; it may be gone, and nothing more is ever written there."""
    try:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main())
