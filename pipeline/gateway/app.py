"""Events as requests flow in; answers flow out once the events are durable, or why they are not."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib.metadata import version
from itertools import islice
from typing import NamedTuple, TypeVar

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST as METRICS_TYPE

from pipeline.gateway.backend import Bound, open_files
from pipeline.gateway.batch import RESULTS, Batch, Judge, split
from pipeline.gateway.bodies import read_body
from pipeline.gateway.doorman import Doorman
from pipeline.gateway.http_metrics import HttpCounts
from pipeline.gateway.inquiry import Inquiry
from pipeline.gateway.intake import Intake
from pipeline.gateway.keys import ANY, Key, KeyRing
from pipeline.gateway.limits import Budget, Limits
from pipeline.gateway.openapi import document
from pipeline.gateway.problems import Refusal, place_of
from pipeline.gateway.wire import Status
from pipeline.runtimes.publisher import wall_clock_ms
from pipeline.sources.adapters import ADAPTERS, Sender
from schemas.adapters import AdapterNames
from schemas.site import SiteConfig

_INLINE_BYTES = 32 << 10
"""A body up to this is judged at once, some 3 ms; a larger one beside the loop."""

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pipeline(NamedTuple):
    """The ways to the pipeline's process: into its log, and to what it says of itself."""

    intake: Intake
    inquiry: Inquiry


class Gateway:
    """The routes that take events, and those that tell how the processes are.

    Args:
        pipeline: takes what is judged, and is asked how it is.
        keys: who may come in.
        judge: judges events.
        site: whose a vendor's records are, where the key does not say it, and its words for ids.
        limits: what is taken.
        tell: is given a sentence about a bug.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        keys: KeyRing,
        judge: Judge,
        *,
        site: SiteConfig,
        limits: Limits,
        tell: Callable[[str], None],
    ) -> None:
        self._budget = Budget(limits.bodies_bytes)
        self._counts = HttpCounts()
        self._pipeline = pipeline
        self._keys = keys
        self._judge = judge
        self._site = site
        self._limits = limits
        self._tell = tell
        self._document = document(version("goldpan"), limits)
        self._doorman = Doorman(keys, limits)

    def add_to(self, app: web.Application) -> None:
        """Add routes, and the form of every error."""
        app.middlewares.append(self._count)
        app.router.add_post("/v1/events", self.take_events)
        app.router.add_post("/v1/sources/{adapter}", self.take_records)
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/openapi.json", self.describe)

    async def take_events(self, request: web.Request) -> web.Response:
        """`POST /v1/events`: events in our own form."""
        key = self._doorman.key(request)
        limits = self._limits
        with self._budget.share() as take:
            body = await read_body(request, limits, take)
            lines = await _beside(body, lambda: split(body, request.content_type, limits.lines))
            self._doorman.charge(key, len(lines))
            now_ms = wall_clock_ms()
            batch = await _beside(body, lambda: self._judge.lines(lines, key, now_ms))
            return await self._keep(batch)

    async def take_records(self, request: web.Request) -> web.Response:
        """`POST /v1/sources/{adapter}`: a vendor's records, in the vendor's form."""
        adapter = ADAPTERS.get(request.match_info["adapter"])
        if adapter is None:
            names = ", ".join(sorted(ADAPTERS))
            raise Refusal(404, "unknown_adapter", f"there is no such adapter; there are {names}")
        key = self._doorman.key(request)
        with self._budget.share() as take:
            body = await read_body(request, self._limits, take)
            self._doorman.check_signature(request, body, key, adapter)
            sender = self._sender(adapter.name, key)
            most = self._limits.lines
            records = await _beside(
                body, lambda: list(islice(adapter.read(body, sender), most + 1))
            )
            if len(records) > most:
                message = f"the body has more than {most:,} records; send fewer at once"
                raise Refusal(413, "too_many_events", message)
            self._doorman.charge(key, sum(max(1, len(record.events)) for record in records))
            now_ms = wall_clock_ms()
            batch = await _beside(body, lambda: self._judge.readings(records, sender, key, now_ms))
            return await self._keep(batch)

    def _sender(self, adapter: str, key: Key) -> Sender:
        """Whose a vendor's records are; another site's ids are not called by this one's words."""
        own = key.site in (ANY, self._site.site)
        return Sender(
            self._site.site if own else key.site,
            adapter if key.source == ANY else key.source,
            self._site.words(adapter) if own else AdapterNames(),
        )

    async def _keep(self, batch: Batch) -> web.Response:
        await self._pipeline.intake.put(batch)
        return web.json_response(
            {
                **{result: batch.counts[result] for result in RESULTS},
                **({"skipped": batch.counts["skipped"]} if batch.counts["skipped"] else {}),
                **({"ignored_fields": dict(batch.ignored)} if batch.ignored else {}),
                "results": batch.problems,
            },
            status=_status(batch),
        )

    async def alive(self, request: web.Request) -> web.Response:
        """`GET /healthz`: this process answers."""
        del request
        return web.json_response({"alive": True})

    async def ready(self, request: web.Request) -> web.Response:
        """`GET /readyz`: what comes in is counted and can be seen within seconds, or why not."""
        del request
        reasons = self._reasons(await self._pipeline.inquiry.status())
        return web.json_response(
            {"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """`GET /metrics`, for Prometheus."""
        del request
        status = await self._pipeline.inquiry.status()
        bounds = [*status.bounds, *self._bounds()]
        text = self._counts.text(not self._reasons(status), bounds, status.metrics)
        return web.Response(body=text, headers={hdrs.CONTENT_TYPE: METRICS_TYPE})

    def _reasons(self, status: Status) -> list[str]:
        return [*status.reasons, *([self._keys.problem] if self._keys.problem else [])]

    def _bounds(self) -> Iterator[Bound]:
        intake = self._pipeline.intake
        yield Bound("requests_waiting_for_log", intake.waiting, intake.most)
        yield Bound("request_bodies_bytes", self._budget.used, self._budget.most)
        yield open_files("open_files")

    async def describe(self, request: web.Request) -> web.Response:
        """`GET /openapi.json`: what this interface takes and answers."""
        del request
        return web.json_response(self._document)

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count every request by its route, which is a pattern of ours."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "none"
        status, began = 0, time.monotonic()
        try:
            answer = await self._answer(request, handler)
            status = answer.status
        except web.HTTPException as redirection:
            status = redirection.status
            raise
        finally:
            self._counts.request(route, status, time.monotonic() - began)
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give every error its one form; a bug shows kind and place, and nothing of a request."""
        try:
            return await handler(request)
        except Refusal as refusal:
            return _refused(refusal)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _explained(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            self._tell(f"a bug: {place_of(error)}")
            message = "an error of ours, which the process has reported; send it again later"
            return _refused(Refusal(500, "internal", message, close=True))


async def _beside(body: bytes, work: Callable[[], T]) -> T:
    """Do the work on a small body at once, on a large one beside the loop."""
    return work() if len(body) <= _INLINE_BYTES else await asyncio.to_thread(work)


_EXPLAINED = {
    404: "there is nothing here; events go to POST /v1/events, see /openapi.json",
    405: "not with this method; see the Allow header, and /openapi.json",
}


def _status(batch: Batch) -> int:
    """202 unless nothing was accepted: then 422 if it is kept as dead letters, or else 403."""
    if not batch.counts["accepted"] and batch.counts["dead_letter"]:
        return 422
    return 403 if not batch.counts["accepted"] and batch.counts["refused"] else 202


def _refused(refusal: Refusal) -> web.Response:
    """The answer that says why not."""
    headers = {}
    if refusal.retry_s:
        headers[hdrs.RETRY_AFTER] = str(max(1, math.ceil(refusal.retry_s)))
    if refusal.status == 401:
        headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="goldpan"'
    answer = web.json_response(
        {"error": {"code": refusal.code, "message": refusal.message}},
        status=refusal.status,
        headers=headers,
    )
    if refusal.close:
        answer.force_close()
    return answer


def _explained(error: web.HTTPException) -> web.Response:
    """The library's own refusals in our form."""
    code = error.reason.lower().replace(" ", "_")
    answer = _refused(Refusal(error.status, code, _EXPLAINED.get(error.status, error.reason)))
    if hdrs.ALLOW in error.headers:
        answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    return answer
