"""A watermark that stands still makes the gateway unready; it is ready again once it moves."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from pipeline.commands.common import EXAMPLE_SITE
from pipeline.commands.run import News, embedded, serve
from pipeline.config import load_site
from pipeline.gateway.limits import Limits
from pipeline.runtimes.publisher import wall_clock_ms
from tests.gateway.support import Address, queued
from tests.infra.support import wait_for

STILL_S = 3.0
"""In place of a minute; ticks come every second."""


class Clock:
    """The time, until it is stopped."""

    def __init__(self) -> None:
        self.stopped_ms = 0

    def __call__(self) -> int:
        return self.stopped_ms or wall_clock_ms()


def test_a_watermark_that_stands_still(database_of_its_own: str, tmp_path: Path) -> None:
    clock, news = Clock(), News()
    options = argparse.Namespace(
        data_dir=tmp_path,
        clickhouse=database_of_its_own,
        database=None,
        kafka=None,
        host="127.0.0.1",
        port=0,
        queue_log=[],
    )
    with ExitStack() as stack:
        limits = Limits(still_s=STILL_S)
        site = load_site(EXAMPLE_SITE)
        _, behind = embedded(options, site, limits, stack, clock)
        gateway = Address(serve(options, site, limits, behind, stack, news=news), tmp_path)

        def status() -> int:
            return gateway.ask("GET", "/readyz").status

        wait_for(lambda: status() == 200)
        # Without ticks time does not pass in the log, and nothing that is due comes about.
        clock.stopped_ms = wall_clock_ms()
        wait_for(lambda: status() == 503)
        (reason,) = gateway.ask("GET", "/readyz").json["reasons"]
        assert reason.startswith("the watermark has not moved for ")
        assert reason.endswith(" s: numbers are that old")
        assert b"goldpan_ready 0.0" in gateway.ask("GET", "/metrics").body
        assert gateway.send(queued("still")).status == 202
        clock.stopped_ms = 0
        wait_for(lambda: status() == 200)
    assert news.empty()
