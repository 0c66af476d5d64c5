"""A store flows in, what one and fifty viewers of the wallboard cost the process flows out."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web

from infra import clickhouse
from pipeline.commands.common import EXAMPLE_SITE
from pipeline.config import load_site
from pipeline.gateway.limits import Limits
from pipeline.gateway.listener import listen, url_of
from pipeline.gateway.server import HttpServer
from pipeline.sinks.client import Client
from pipeline.sinks.migrate import migrate
from pipeline.sinks.reader import Reader
from pipeline.viewer.app import Viewer

VIEWERS = (1, 50)
WARM_S = 6.0
BOARD = "goldpan-wallboard-en"


def main(directory: str, seconds: str = "20") -> None:
    """Measure over the store in a directory; the share of a core that each number costs."""
    server = clickhouse.start(Path(directory) / "clickhouse")
    with Client(lambda: server.url) as client:
        migrate(client)
    shares = {}
    for viewers in VIEWERS:
        command = [sys.executable, "-m", __spec__.name, "serve", server.url]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        asyncio.run(_look(url, viewers, WARM_S))
        print(".", file=process.stdin, flush=True)
        before = json.loads(process.stdout.readline())
        messages = asyncio.run(_look(url, viewers, float(seconds)))
        print(".", file=process.stdin, flush=True)
        after = json.loads(process.stdout.readline())
        process.communicate()
        shares[viewers] = (after["cpu_s"] - before["cpu_s"]) / (after["at_s"] - before["at_s"])
        rss = after["rss"]
    one, many = (100 * shares[viewers] for viewers in VIEWERS)
    print(json.dumps({"one": one, "more": many - one, "rss": rss, "snapshots": messages}))


async def _look(url: str, viewers: int, seconds: float) -> int:
    """Look at the board for a while; returns how many snapshots came."""
    found = 0

    async def look() -> None:
        nonlocal found
        async with session.get(f"{url}/viewer/stream/{BOARD}") as answer:
            async for line in answer.content:
                found += line.startswith(b"data: ")

    timeout = aiohttp.ClientTimeout(total=seconds)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        await asyncio.gather(*(look() for _ in range(viewers)), return_exceptions=True)
    return found


def serve(store: str) -> None:
    """Serve the viewer; for each line read, say what it has cost so far."""
    site = load_site(EXAMPLE_SITE)
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(lambda: store)) for _ in range(2)]
        app = web.Application()
        # The bench's calls are of that day.
        day = datetime(2026, 3, 2, 0, 20, tzinfo=UTC)
        Viewer(readers, site.zone, lambda: day).add_to(app)
        listener = listen("127.0.0.1", 0)
        server = HttpServer(app, listener, Limits(), tell=print)
        stack.callback(server.close)
        print(url_of(listener), flush=True)
        for _ in sys.stdin:
            used = resource.getrusage(resource.RUSAGE_SELF)
            cpu_s = used.ru_utime + used.ru_stime
            cost = {"cpu_s": cpu_s, "at_s": time.monotonic(), "rss": used.ru_maxrss * 1024}
            print(json.dumps(cost), flush=True)


def run(arguments: Sequence[str]) -> None:
    """`serve URL`, or the directory of a store."""
    if arguments[0] == "serve":
        serve(arguments[1])
    else:
        main(*arguments)


if __name__ == "__main__":
    run(sys.argv[1:])
