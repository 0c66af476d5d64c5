"""Requests of browsers in; pages, boards and streams of snapshots out. Nothing can be changed.

- `/`: to the home board, in the browser's language
- `/d/{uid}`: a board; the same addresses as in Grafana
- `/viewer/boards/{uid}`: what the page needs of the board
- `/viewer/stream/{uid}`: snapshots, as server-sent events
- `/viewer/{version}/{name}`: script and style, for ever
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Protocol
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web

from pipeline.viewer.boards import HOME, Board, load_boards
from pipeline.viewer.feed import Answer, Feed, Look

MAX_FEEDS = 64
"""Different looks at a time; more would ask more of the store than a wall of screens needs."""
MAX_VIEWERS = 500
PINGS_S = 15.0
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Source(Protocol):
    """A connection that only reads; used by one thread at a time."""

    def read_shipped(self, sql: str, /) -> Answer:
        """Run a query of a board."""


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Viewer:
    """The routes of the viewer.

    Args:
        sources: connections to the store, as many as may ask at once.
        zone: the site's, in which days begin and clocks are shown.
        clock: gives the time.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        zone: ZoneInfo,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._boards = load_boards()
        self._sources = list(sources)
        self._zone = zone
        self._clock = clock
        self._free: asyncio.Queue[Source] = asyncio.Queue()
        self._feeds: dict[Look, tuple[Feed, asyncio.Task[None]]] = {}
        self._viewers = 0
        directory = resources.files("pipeline.viewer") / "static"
        self._files = {file.name: file.read_bytes() for file in directory.iterdir()}
        content = b"".join(self._files[name] for name in sorted(self._files))
        self._version = hashlib.sha256(content).hexdigest()[:12]

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application; what it does not have, browsers are told in words."""
        app.middlewares.append(self._in_words)
        app.router.add_get("/", self.home)
        app.router.add_get("/d/{uid}", self.page)
        app.router.add_get("/favicon.ico", self.icon)
        app.router.add_get("/viewer/boards/{uid}", self.board)
        app.router.add_get("/viewer/stream/{uid}", self.stream)
        app.router.add_get("/viewer/{version}/{name}", self.file)
        app.on_startup.append(self._begin)
        app.on_shutdown.append(self._end)

    async def _begin(self, app: web.Application) -> None:
        del app
        for source in self._sources:
            self._free.put_nowait(source)

    async def _end(self, app: web.Application) -> None:
        """Let every stream end, or the server would wait for its viewers."""
        del app
        tasks = [task for _, task in self._feeds.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """`GET /`, or `/?lang=zh`."""
        wanted = request.query.get("lang", "") or request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
        lang = "zh" if wanted.lower().startswith("zh") else "en"
        place = f"/d/{HOME}-{lang}"
        raise web.HTTPFound(place)

    async def page(self, request: web.Request) -> web.Response:
        """`GET /d/{uid}`."""
        return self._html("page.html", lang=self._board(request).lang)

    @web.middleware
    async def _in_words(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
                raise
            return self._html("nothing.html", status=404)

    def _html(self, name: str, *, lang: str = "", status: int = 200) -> web.Response:
        text = self._files[name].decode().replace("{version}", self._version)
        return web.Response(
            text=text.replace("{lang}", lang),
            status=status,
            content_type="text/html",
            headers={**_HEADERS, hdrs.CACHE_CONTROL: "no-cache"},
        )

    async def icon(self, request: web.Request) -> web.Response:
        """`GET /favicon.ico`, which browsers ask for by themselves."""
        del request
        return web.Response(body=self._files["icon.svg"], content_type=_TYPES["svg"])

    async def board(self, request: web.Request) -> web.Response:
        """`GET /viewer/boards/{uid}`."""
        board = self._board(request)
        content = {**board.shown, "timezone": self._zone.key}
        return web.json_response(
            content,
            headers={**_HEADERS, hdrs.CACHE_CONTROL: "no-cache"},
            dumps=lambda value: json.dumps(value, ensure_ascii=False),
        )

    async def file(self, request: web.Request) -> web.Response:
        """`GET /viewer/{version}/{name}`."""
        name = request.match_info["name"]
        ending = name.rpartition(".")[2]
        if name not in self._files or ending not in _TYPES:
            raise web.HTTPNotFound
        is_current = request.match_info["version"] == self._version
        caching = "public, max-age=31536000, immutable" if is_current else "no-cache"
        return web.Response(
            body=self._files[name],
            content_type=_TYPES[ending],
            charset="utf-8",
            headers={**_HEADERS, hdrs.CACHE_CONTROL: caching},
        )

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """`GET /viewer/stream/{uid}?from=now-30m&var-queue=vip`."""
        look = self._look(request)
        if self._viewers >= MAX_VIEWERS or (
            look not in self._feeds and len(self._feeds) >= MAX_FEEDS
        ):
            raise web.HTTPServiceUnavailable(text="too many viewers; close some, or look later")
        # Never compressed: compression would hold events back until it has enough of them.
        answer = web.StreamResponse(
            headers={
                **_HEADERS,
                hdrs.CONTENT_TYPE: "text/event-stream",
                hdrs.CACHE_CONTROL: "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await answer.prepare(request)
        feed = self._feed(look)
        slot = feed.join()
        self._viewers += 1
        try:
            while True:
                try:
                    message = await asyncio.wait_for(slot.take(), PINGS_S)
                except TimeoutError:
                    message = b": still here\n\n"
                if not message:
                    break
                await answer.write(message)
        except ConnectionError:
            pass  # the viewer is gone
        finally:
            self._viewers -= 1
            feed.leave(slot)
        return answer

    def _board(self, request: web.Request) -> Board:
        board = self._boards.get(request.match_info["uid"])
        if board is None:
            raise web.HTTPNotFound(text=f"no such board; there are: {', '.join(self._boards)}")
        return board

    def _look(self, request: web.Request) -> Look:
        board = self._board(request)
        names = {choice.name for choice in board.choices}
        wanted = {
            key.removeprefix("var-"): value
            for key, value in request.query.items()
            if key.startswith("var-") and key.removeprefix("var-") in names
        }
        start = request.query.get("from", board.start)
        return Look(
            board, tuple(sorted(wanted.items())), start if start in board.starts else board.start
        )

    def _feed(self, look: Look) -> Feed:
        """The feed that serves a look; begun for its first viewer."""
        if look in self._feeds:
            return self._feeds[look][0]
        feed = Feed(look, self._zone, self._ask, self._clock)
        task = asyncio.get_running_loop().create_task(feed.run())
        self._feeds[look] = feed, task
        task.add_done_callback(lambda _: self._feeds.pop(look))
        return feed

    async def _ask(self, sql: str) -> Answer:
        source = await self._free.get()
        try:
            return await asyncio.to_thread(source.read_shipped, sql)
        finally:
            self._free.put_nowait(source)

    @property
    def looks(self) -> int:
        """How many different looks are served now."""
        return len(self._feeds)
