"""The viewer's answers: what browsers are given, and what many of them cost the store."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pipeline.errors import StoreRefused
from pipeline.gateway.limits import Limits
from pipeline.gateway.listener import listen, url_of
from pipeline.gateway.server import HttpServer
from pipeline.sinks.reader import Answer, Reader
from pipeline.viewer import app as viewer_app
from pipeline.viewer.app import Viewer
from pipeline.viewer.boards import load_boards
from pipeline.viewer.feed import Slot, frame
from tests.viewer.boards import BOARDS
from tests.viewer.conftest import SITE

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=SITE.zone).astimezone(UTC)


class Counting(Reader):
    """A connection that counts what it is asked."""

    asked = 0

    def read_shipped(self, sql: str) -> Answer:
        type(self).asked += 1
        return super().read_shipped(sql)


@pytest.fixture(scope="module")
def served(day_store: str) -> Iterator[str]:
    """The address of a viewer over the made-up day, at noon for ever."""
    app = web.Application()
    with Counting(lambda: day_store) as reader:
        Viewer([reader], SITE.zone, lambda: NOON).add_to(app)
        listener = listen("127.0.0.1", 0)
        with closing(HttpServer(app, listener, Limits(), tell=print)):
            yield url_of(listener)


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 30))


async def get(url: str, **headers: str) -> tuple[int, Any, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, allow_redirects=False, headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


@pytest.mark.parametrize(
    ("languages", "lang"), [("zh-CN,zh;q=0.9,en", "zh"), ("en-GB,zh", "en"), ("", "en")]
)
def test_the_home_board_comes_in_the_browsers_language(
    served: str, languages: str, lang: str
) -> None:
    status, headers, _ = run(get(f"{served}/", **{"Accept-Language": languages}))
    assert (status, headers["Location"]) == (302, f"/d/goldpan-wallboard-{lang}")
    _, headers, _ = run(get(f"{served}/?lang=zh", **{"Accept-Language": languages}))
    assert headers["Location"] == "/d/goldpan-wallboard-zh"


def test_a_page_may_ask_nothing_of_any_other_host(served: str) -> None:
    _, headers, text = run(get(f"{served}/d/goldpan-wallboard-en"))
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "//" not in re.sub(r"<!doctype html>", "", text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', text):
        status, headers, content = run(get(served + address))
        assert status == 200
        assert "immutable" in headers["Cache-Control"]
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", content)


def test_what_is_not_there_is_not_found(served: str) -> None:
    for place in ("/d/none", "/viewer/boards/none", "/viewer/stream/none", "/viewer/0/app.py"):
        assert run(get(served + place))[0] == 404
    for place in ("/d/none", "/none"):
        status, headers, text = run(get(served + place, Accept="text/html,*/*;q=0.8"))
        assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
        assert 'href="/?lang=en"' in text
        assert "没有这个页面" in text
    assert run(get(f"{served}/viewer/old/viewer.js"))[1]["Cache-Control"] == "no-cache"


def test_a_browser_is_given_boards_without_sql(served: str) -> None:
    for uid in load_boards():
        status, _, text = run(get(f"{served}/viewer/boards/{uid}"))
        assert status == 200
        assert "SELECT" not in text
        assert json.loads(text)["timezone"] == SITE.time_zone


async def snapshots(url: str, count: int) -> list[Any]:
    """The first snapshots of a stream."""
    found = []
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        async for line in answer.content:
            if line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
                if len(found) == count:
                    break
    return found


@pytest.mark.parametrize("uid", [board["uid"] for board in BOARDS.values()])
def test_every_board_streams_every_panel(served: str, uid: str) -> None:
    ((snapshot),) = run(snapshots(f"{served}/viewer/stream/{uid}", 1))
    board = next(board for board in BOARDS.values() if board["uid"] == uid)
    queried = {str(panel["id"]) for panel in board["panels"] if panel.get("targets")}
    assert set(snapshot["panels"]) == queried
    for panel in snapshot["panels"].values():
        assert set(panel) == {"names", "kinds", "values"}
        assert len(panel["names"]) == len(panel["kinds"]) == len(panel["values"])
    chosen = {variable["name"]: variable["value"] for variable in snapshot["variables"]}
    assert chosen["site"] == SITE.site
    assert chosen["zone"] == SITE.time_zone


def test_only_what_a_board_offers_can_be_chosen(served: str) -> None:
    stream = f"{served}/viewer/stream/goldpan-queue-en"
    (own,) = run(snapshots(f"{stream}?from=now%2Fd&var-queue=vip&var-x=1", 1))
    assert own["start"] == "now/d"
    assert {v["name"]: v["value"] for v in own["variables"]}["queue"] == "vip"
    (other,) = run(snapshots(f"{stream}?from=now-9999d&var-queue=%27%20OR%201", 1))
    assert other["start"] == "now-30m"
    queues = {v["name"]: v for v in other["variables"]}["queue"]
    assert queues["value"] == queues["options"][0][0]


def test_twenty_viewers_ask_the_store_as_often_as_one(served: str) -> None:
    url = f"{served}/viewer/stream/goldpan-wallboard-en"

    async def look(viewers: int) -> int:
        before = Counting.asked
        await asyncio.gather(*(snapshots(url, 2) for _ in range(viewers)))
        return Counting.asked - before

    one, twenty = run(look(1)), run(look(20))
    # A snapshot more may have been made while they came and went, not twenty times as many.
    assert twenty <= 2 * max(one, 20)


def test_a_slow_viewer_skips_and_holds_nobody_up() -> None:
    async def late() -> bytes:
        slot = Slot()
        for number in range(5):
            slot.put(str(number).encode())
        return await slot.take()

    assert run(late()) == b"4"


def test_too_many_different_looks_are_refused(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_app, "MAX_FEEDS", 0)
    status, _, text = run(get(f"{served}/viewer/stream/goldpan-calls-zh?from=now-30d"))
    assert status == 503
    assert "too many viewers" in text


def test_a_frame_has_numbers_that_json_knows() -> None:
    answer = Answer(
        (("t", "DateTime('UTC')"), ("n", "Nullable(Float64)"), ("s", "LowCardinality(String)")),
        [(NOON, float("nan"), "a"), (NOON, 1.5, None)],
    )
    ms = round(NOON.timestamp() * 1000)
    assert frame(answer) == {
        "names": ["t", "n", "s"],
        "kinds": ["time", "number", "text"],
        "values": [[ms, ms], [None, 1.5], ["a", None]],
    }


def test_a_query_that_is_refused_darkens_its_panel_only(
    served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Counting.read_shipped

    def refuse(reader: Counting, sql: str) -> Answer:
        if "alert_transitions" in sql:
            msg = "no such table"
            raise StoreRefused(msg)
        return whole(reader, sql)

    monkeypatch.setattr(Counting, "read_shipped", refuse)
    (snapshot,) = run(snapshots(f"{served}/viewer/stream/goldpan-wallboard-zh?var-site=x", 1))
    errors = [panel for panel in snapshot["panels"].values() if "error" in panel]
    assert errors == [{"error": "no such table"}]
