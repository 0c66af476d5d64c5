"""Events as requests flow in; answers flow out once the events are durable, or why they are not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TypeVar

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST as METRICS_TYPE

from pipeline.gateway.batch import RESULTS, Batch, Judge, split
from pipeline.gateway.bodies import read_body
from pipeline.gateway.doorman import Doorman
from pipeline.gateway.health import Health
from pipeline.gateway.keys import ANY, Key
from pipeline.gateway.limits import Budget
from pipeline.gateway.metrics import Counts, Vitals
from pipeline.gateway.openapi import document
from pipeline.gateway.problems import Refusal
from pipeline.sources.adapters import ADAPTERS, Sender
from schemas.adapters import AdapterNames
from schemas.site import SiteConfig

_INLINE_BYTES = 32 << 10
"""A body up to this is judged at once, some 3 ms; a larger one beside the loop."""

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """The routes that take events, and those that tell how the process is.

    Args:
        health: knows the parts, the way into the log among them.
        judge: judges events.
        site: whose a vendor's records are, where the key does not say it, and its words for ids.
        counts: what the gateway counts, and where everything is counted.
        tell: is given a sentence about a bug.
    """

    def __init__(
        self,
        health: Health,
        judge: Judge,
        site: SiteConfig,
        counts: Counts,
        tell: Callable[[str], None],
    ) -> None:
        self._budget = Budget(health.limits.bodies_bytes)
        self._counts = counts
        counts.registry.register(Vitals(health, self._budget))
        self._health = health
        self._judge = judge
        self._tell = tell
        self._site = site
        self._document = document(version("goldpan"), health.limits)
        self._doorman = Doorman(health.keys, health.limits)

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
        self._admit()
        key = self._doorman.key(request)
        limits = self._health.limits
        with self._budget.share() as take:
            body = await read_body(request, limits, take)
            lines = await _beside(body, lambda: split(body, request.content_type, limits.lines))
            self._doorman.charge(key, len(lines))
            now_ms = self._health.backend.now()
            batch = await _beside(body, lambda: self._judge.lines(lines, key, now_ms))
            return await self._keep(batch)

    async def take_records(self, request: web.Request) -> web.Response:
        """`POST /v1/sources/{adapter}`: a vendor's records, in the vendor's form."""
        self._admit()
        adapter = ADAPTERS.get(request.match_info["adapter"])
        if adapter is None:
            names = ", ".join(sorted(ADAPTERS))
            raise Refusal(404, "unknown_adapter", f"there is no such adapter; there are {names}")
        key = self._doorman.key(request)
        with self._budget.share() as take:
            body = await read_body(request, self._health.limits, take)
            self._doorman.check_signature(request, body, key, adapter)
            sender = self._sender(adapter.name, key)
            most = self._health.limits.lines
            records = await _beside(
                body, lambda: list(islice(adapter.read(body, sender), most + 1))
            )
            if len(records) > most:
                message = f"the body has more than {most:,} records; send fewer at once"
                raise Refusal(413, "too_many_events", message)
            self._doorman.charge(key, sum(max(1, len(record.events)) for record in records))
            now_ms = self._health.backend.now()
            batch = await _beside(body, lambda: self._judge.readings(records, sender, key, now_ms))
            return await self._keep(batch)

    def _admit(self) -> None:
        refusal = self._health.backend.refusal()
        if refusal is not None:
            raise refusal

    def _sender(self, adapter: str, key: Key) -> Sender:
        """Whose a vendor's records are; another site's ids are not called by this one's words."""
        own = key.site in (ANY, self._site.site)
        return Sender(
            self._site.site if own else key.site,
            adapter if key.source == ANY else key.source,
            self._site.words(adapter) if own else AdapterNames(),
        )

    async def _keep(self, batch: Batch) -> web.Response:
        if batch.payloads:
            await self._health.intake.put(batch.payloads)
        self._counts.batch(batch)
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
        reasons = self._health.reasons()
        return web.json_response(
            {"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """`GET /metrics`, for Prometheus."""
        del request
        return web.Response(body=self._counts.text(), headers={hdrs.CONTENT_TYPE: METRICS_TYPE})

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
            return refusal.response()
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _explained(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            name = Path(place.tb_frame.f_code.co_filename).name if place else "?"
            where = f"{name}:{place.tb_lineno if place else 0}"
            self._tell(f"a bug: {type(error).__name__} at {where}")
            message = "an error of ours, which the process has reported; send it again later"
            return Refusal(500, "internal", message, close=True).response()


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


def _explained(error: web.HTTPException) -> web.Response:
    """The library's own refusals in our form."""
    code = error.reason.lower().replace(" ", "_")
    answer = Refusal(error.status, code, _EXPLAINED.get(error.status, error.reason)).response()
    if hdrs.ALLOW in error.headers:
        answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    return answer
