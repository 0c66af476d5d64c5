"""kill -9 of the pipeline, its store, or both, at any instant: the final views are the same.

The instants are drawn from a seed, `GOLDPAN_SEED`. One half are moments of the clock, the other
half places in the code: before and after each write, at the start, at the end.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Deploy
from tests.faults.support import Deployment, Running, Views, assert_same

SEED = int(os.environ.get("GOLDPAN_SEED", "1"))
PER_RUN = 3
"""Kills before an ingest is left alone to end; then the next one begins in a new directory."""

SINK = "pipeline.sinks.client:Client"
LOG = "pipeline.log"
PLACES = (
    *(
        (f"{SINK}.insert={table}", 3)
        for table in ("raw_events", "dead_letters", "call_minutes", "intake_minutes", "callers")
    ),
    (f"{SINK}.insert=contacts", 3),
    (f"{SINK}.insert=alert_transitions", 1),
    (f"{SINK}.insert=checkpoint", 3),
    (f"{SINK}.insert=configs", 1),
    (f"{SINK}.insert=schema_migrations", 1),
    (f"{SINK}.execute", 40),
    (f"{LOG}.writer:SegmentWriter.write", 8),
    (f"{LOG}.embedded:EmbeddedLog.open", 1),
    ("pipeline.sources.subjects:SubjectMap.save", 6),
    ("pipeline.sinks.clickhouse:ClickHouseStore.load", 1),
    ("pipeline.sinks.clickhouse:ClickHouseStore.recent_ids", 8),
    ("pipeline.sinks.clickhouse:ClickHouseStore.lookup", 10),
    ("pipeline.runtimes.embedded:Embedded.start", 1),
    ("pipeline.runtimes.embedded:Embedded.settle", 1),
    ("pipeline.runtimes.embedded:Embedded.publish_everywhere", 2),
)
"""Where to strike, and at the how many-th time at most."""


class Killer:
    """Strikes at instants that a seed decides, and counts them."""

    def __init__(self, victim: str, file: Path) -> None:
        self.victim = victim
        self.file = file
        self.draw = random.Random(f"{SEED} {victim}")
        self.struck: list[str] = []

    def strike(self, deployment: Deployment) -> None:
        """Run an ingest and kill at one instant; it may have ended before."""
        if self.draw.random() < 0.5:
            self._at_a_moment(deployment)
        else:
            self._at_a_place(deployment)

    def _at_a_moment(self, deployment: Deployment) -> None:
        seconds = self.draw.uniform(0.2, 8.0)
        running = deployment.start_ingest(self.file)
        if running.lives_on(seconds):
            killed = self.victim != "pipeline" and deployment.kill_store()
            if self.victim != "store":
                running.kill()
                killed = True
            if killed:
                self.struck.append(f"{self.victim} after {seconds:.3f} s")
        self._goes_on(running)

    def _at_a_place(self, deployment: Deployment) -> None:
        place, most = self.draw.choice(PLACES)
        when, number = self.draw.choice(("before", "after")), self.draw.randint(1, most)
        note = deployment.data / "struck"
        note.unlink(missing_ok=True)
        prefix = ("-m", "tests.faults.dying", self.victim, place, when, str(number), "--")
        running = deployment.start_ingest(self.file, prefix=prefix)
        running.lives_on(120)
        if note.exists():
            self.struck.append(f"{self.victim} {when} {place} {number}")
        self._goes_on(running)

    def _goes_on(self, running: Running) -> None:
        """Without its store, it waits for it to be back, and ends well."""
        end = running.ended()
        if self.victim == "store":
            assert end.status == 0, end.err
            told = end.err.splitlines()
            assert len(told) in {0, 2}, end.err
            if told:
                assert told[0].endswith("nothing is lost, waiting for it")
                assert told[1] == "the store is back"


@pytest.mark.faults
@pytest.mark.parametrize("kills", [2, pytest.param(17, marks=pytest.mark.torture)])
@pytest.mark.parametrize("victim", ["pipeline", "store", "both"])
def test_killed_at_any_instant_the_views_are_those_of_an_undisturbed_run(
    victim: str,
    kills: int,
    day: Path,
    undisturbed: Callable[[Path], Views],
    deploy: Deploy,
) -> None:
    expected = undisturbed(day)
    killer = Killer(victim, day)
    while len(killer.struck) < kills:
        deployment = deploy()
        before = len(killer.struck)
        for _ in range(PER_RUN):
            if len(killer.struck) < kills:
                killer.strike(deployment)
        deployment.must_ingest(day)
        try:
            assert_same(deployment.views(), expected)
        except AssertionError as error:
            error.add_note(f"killed: {killer.struck[before:]}")
            raise
        deployment.close()
