"""Requests flow in, judged events flow out: the process of HTTP, see `gateway.front`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from pipeline.commands.common import store_url, tell
from pipeline.gateway.app import Gateway, Pipeline
from pipeline.gateway.batch import Judge
from pipeline.gateway.first_start import KEYS, hash_key
from pipeline.gateway.front import FrontSettings
from pipeline.gateway.inquiry import Inquiry
from pipeline.gateway.intake import Intake
from pipeline.gateway.keys import KeyRing
from pipeline.gateway.server import HttpServer
from pipeline.gateway.wire import Line
from pipeline.sinks.reader import Reader
from pipeline.sources.privacy import Privacy
from pipeline.viewer.app import Viewer
from schemas.site import SiteConfig

READERS = 2
"""Queries of boards that run at a time: more would take the store from the pipeline."""
READ_S = 10.0
"""How long a board waits for one before it says that the store does not answer."""


def main(arguments: Sequence[str]) -> None:
    """Serve until the process that started this one says so, or is no more.

    Args:
        arguments: the descriptors of the listening socket, and of the sockets for groups and for
            the status: see `wire`. Its settings come over its input.
    """
    over = threading.Event()
    _hear_no_signal()
    listener, groups, status = map(_inherited, arguments)
    told = sys.stdin.buffer.read()
    if not told:
        return  # the other process has gone already
    settings = msgspec.json.decode(told, type=FrontSettings)
    directory, site = Path(settings.data_dir), SiteConfig.model_validate_json(settings.site)
    limits = settings.limits
    # Without the other process nothing can be taken, and there is nothing here to be kept.
    into_log, to_ask = Line(lost=partial(os._exit, 1)), Line(lost=over.set)
    intake, inquiry = Intake(into_log, limits.waiting), Inquiry(to_ask)

    async def connect(app: web.Application) -> None:
        del app
        await into_log.connect(groups)
        await to_ask.connect(status)
        await inquiry.status()  # tells that this process is there

    with ExitStack() as stack:
        app = web.Application()
        app.on_startup.append(connect)
        judge = Judge(Privacy(hash_key(directory)))
        keys = KeyRing(directory / KEYS)
        ways = Pipeline(intake, inquiry)
        Gateway(ways, keys, judge, site=site, limits=limits, tell=tell).add_to(app)
        if settings.boards:
            url = store_url(
                argparse.Namespace(
                    data_dir=directory, clickhouse=settings.clickhouse, database=settings.database
                )
            )
            readers = [stack.enter_context(Reader(url, READ_S)) for _ in range(READERS)]
            Viewer(readers, site.zone).add_to(app)
        server = HttpServer(app, listener, limits, tell)
        stack.callback(server.close)
        over.wait()


def _hear_no_signal() -> None:
    """When to end is told over a socket; a signal to all processes is for the other to act on.

    Handlers that do nothing, because whatever is started from here would inherit a mask.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def _inherited(descriptor: str) -> socket.socket:
    """A socket of this process alone: what it starts does not get it."""
    inherited = socket.socket(fileno=int(descriptor))
    inherited.set_inheritable(False)
    return inherited


if __name__ == "__main__":
    main(sys.argv[1:])
