"""The stream and an SQL of its own say the same; and where one is falsified, it is found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline import entity
from pipeline.__main__ import main
from pipeline.parity import agents_sql, calls_sql, intake_sql
from pipeline.parity.check import Parity, check
from pipeline.parity.compare import Verdict
from pipeline.simulator.disorder import Disorder, disturbed
from pipeline.sinks.client import Client
from schemas.rows import row_families
from tests.parity.conftest import SITE, Ingest, Payloads
from tests.simulator.conftest import simulated

BEGIN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DISORDER = Disorder(late=0.05, duplicate=0.05, corrected=0.1, bad=0.004, shuffled_within_ms=3_000)


def differing(parity: Parity) -> dict[str, list[Any]]:
    return {v.measure: v.examples for v in parity.verdicts if v.different}


def totals(parity: Parity) -> Mapping[str, int]:
    return {v.measure: v.total for v in parity.verdicts if v.total}


def of(parity: Parity, measure: str) -> Verdict:
    return next(v for v in parity.verdicts if v.measure == measure)


def test_every_base_measure_and_every_dimension_is_compared() -> None:
    families = row_families()
    calls, intake, agents = families["calls"], families["intake"], families["agents"]
    assert agents.measures == agents_sql.SUMS
    assert agents.dimensions == agents_sql.DIMENSIONS
    assert (*calls_sql.SUMS, *calls_sql.HISTOGRAMS) == calls.measures
    assert set(calls_sql.HISTOGRAMS) == calls.histograms
    assert calls.dimensions == calls_sql.DIMENSIONS
    assert set(intake_sql.SUMS) == set(intake.measures)
    assert intake.dimensions == intake_sql.DIMENSIONS


def test_a_generated_month_of_bad_deliveries(ingested: Ingest) -> None:
    centre = simulated("2026-02-01", hours=28 * 24, seats=1, seed=5)
    client = ingested(Payloads(disturbed(centre.events(), 5, DISORDER), 60_000))
    parity = check(client, SITE.site)
    assert not differing(parity)
    counted = totals(parity)
    assert set(counted) >= {"duplicates", "late", "rejected", "transferred", "hold_abandoned"}
    truth = centre.truth()
    assert counted["contacts"] == truth["contacts"]
    assert {name: counted.get(name, 0) for name in truth["follows"]} == truth["follows"]
    assert truth["follows"]["repeat_complaints"]
    # In spans of a few days each, with the contacts that reach over their borders, likewise.
    in_spans = check(client, SITE.site, events_at_once=4_000)
    assert not differing(in_spans)
    assert totals(in_spans) == counted
    # A part of it alone: its minutes and no others.
    week = [round(datetime(2026, 2, day, tzinfo=UTC).timestamp() * 1000) for day in (9, 16)]
    part = check(client, SITE.site, start_ms=week[0], end_ms=week[1])
    assert part.holds
    assert 0 < totals(part)["offered"] < counted["offered"] / 2


# -- what is recomputed is what the definitions say ------------------------------------------


def event(
    contact: str, event_type: str, after_s: float, *, version: int = 0, **fields: Any
) -> bytes:
    """An event so long after BEGIN; its id is the contact's and its type's."""
    content = {
        "event_id": f"{contact}:{event_type}:{fields.get('queue', '')}",
        "event_type": event_type,
        "site": SITE.site,
        "source": "test",
        "occurred_at": (BEGIN + timedelta(seconds=after_s)).isoformat(),
        "contact_id": contact,
        "version": version,
    }
    return json.dumps(content | fields).encode()


def test_a_transfer_is_two_offers_for_its_queues_and_one_contact_for_the_site(
    ingested: Ingest,
) -> None:
    """The first agent is still busy with it while the caller waits for the second."""
    parity = check(
        ingested(
            Payloads(
                [
                    event("t", "call.queued", 0, queue="general", phone_hash="p"),
                    event("t", "call.answered", 10, wait_ms=10_000, agent_id="a", queue="general"),
                    event("t", "call.transferred", 70, agent_id="a", to_queue="vip"),
                    event("t", "call.queued", 70, queue="vip"),
                    event("t", "call.ended", 70.5, talk_ms=60_000, agent_id="a", queue="general"),
                    event("t", "call.acw_ended", 90, acw_ms=19_500, agent_id="a"),
                    event("t", "call.answered", 100, wait_ms=30_000, agent_id="b", queue="vip"),
                    event("t", "call.ended", 200, talk_ms=100_000, agent_id="b", queue="vip"),
                ]
            )
        ),
        SITE.site,
    )
    assert not differing(parity)
    counted = totals(parity)
    assert counted["contacts"] == counted["offered"] == counted["answered"] == 1
    assert counted["answered_in_threshold"] == 1  # 10 s of 20 s
    assert counted["wait_answered_ms"] == 10_000
    assert counted["talk_ms"] == 160_000  # 60 s + 100 s
    assert counted["acw_ms"] == 19_500
    assert counted["handled"] == counted["transferred"] == counted["callers"] == 1


def test_rings_that_nobody_answered_count_each_time(ingested: Ingest) -> None:
    """Two agents let it ring, one of them told of it twice; a ring that was answered is none."""
    parity = check(
        ingested(
            Payloads(
                [
                    event("r", "call.queued", 0, queue="general", phone_hash="p"),
                    event("r", "call.ringing", 15, agent_id="a", team="t", ring_ms=15_000),
                    event("r", "call.ringing", 15, event_id="2", agent_id="a", ring_ms=15_000),
                    event("r", "call.ringing", 30, agent_id="b", queue="vip", ring_ms=15_000),
                    event("r", "call.ringing", 31, event_id="4", agent_id="c"),
                    event("r", "call.answered", 35, wait_ms=35_000, agent_id="c", queue="general"),
                ]
            )
        ),
        SITE.site,
    )
    assert not differing(parity)
    assert totals(parity)["nonresponses"] == 2
    assert totals(parity)["answered"] == 1  # so 2 of 3 were not answered: 66.7 %


def test_of_versions_and_corrections_the_last_word_counts(ingested: Ingest) -> None:
    ended = "c:call.ended:"
    parity = check(
        ingested(
            Payloads(
                [
                    event("c", "call.ended", 40, talk_ms=9, version=1),  # before all else
                    event("c", "call.queued", 0, queue="complaints"),
                    event("c", "call.answered", 16, wait_ms=16_000, agent_id="a"),
                    event("c", "call.ended", 40, talk_ms=1),  # an older version
                    event("c", "call.ended", 40, talk_ms=24_000, event_id="x", corrects=ended),
                    event("c", "call.ended", 40, talk_ms=25_000, event_id="y", corrects=ended),
                    event("c", "call.queued", 0, queue="complaints"),  # again
                    b'{"event_type": "call.queued"',
                ]
            )
        ),
        SITE.site,
    )
    assert not differing(parity)
    counted = totals(parity)
    assert counted["talk_ms"] == 25_000  # of two corrections of one version, the greater id
    assert counted["answered"] == counted["answered_20s"] == counted["sl_offered"] == 1
    assert "answered_in_threshold" not in counted  # the threshold of complaints is 15 s
    assert counted["unmatched"] == 1
    assert "callers" not in counted
    # 8 records, and the site's configuration on each of 8 shards.
    assert counted["events"] == 8 + 8
    assert counted["duplicates"] == 2
    assert counted["rejected"] == 1


def test_what_arrived_is_counted_alike(ingested: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mended values once an event, of events that are kept; refused ones are not seen."""
    monkeypatch.setattr(entity, "MAX_STEPS", 2)
    full = event("f", "call.ended", 9, talk_ms=1, event_id="refused")
    elsewhere = event("g", "call.queued", 9, queue="general", event_id="refused")
    two = ["wait_ms dropped", "ring_ms dropped"]
    mended = event("f", "call.ringing", 1, repairs=two)
    parity = check(
        ingested(
            Payloads(
                [
                    event("f", "call.queued", 0, queue="general"),
                    mended,
                    mended,
                    event("f", "call.held", 2, repairs=two),
                    full,
                    elsewhere,
                    elsewhere,
                    event("f", "call.queued", 0, queue="general", site="another"),
                ]
            )
        ),
        SITE.site,
    )
    assert not differing(parity)
    counted = totals(parity)
    assert counted["offered"] == 2
    assert counted["events"] == 7 + 8
    assert counted["rejected"] == 2
    assert counted["duplicates"] == 2
    assert counted["repaired"] == 1


def test_what_has_moved_away_is_neither_counted_nor_shown(
    ingested: Ingest, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was another call, another day: nothing is left of the first, nor of its caller then."""
    queued: dict[str, Any] = {"queue": "general", "phone_hash": "p", "event_id": "q"}
    client = ingested(
        Payloads(
            [
                event("m", "call.queued", 0, **queued),
                event("n", "call.queued", 86_400, version=1, **queued),
            ]
        )
    )
    parity = check(client, SITE.site)
    assert not differing(parity)
    assert totals(parity)["contacts"] == totals(parity)["callers"] == 1
    # What is left of it in the tables is state: no contact, no caller.
    assert client.execute("SELECT contact_id FROM contacts FINAL WHERE events = 0") == [("m",)]
    assert client.execute("SELECT count() FROM callers FINAL WHERE contacts = 0") == [(1,)]
    by_day = ["--by", "day", "--format", "csv", "--clickhouse", database]
    assert main(["report", "all=contact_count", "callers", "offered", *by_day]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["2026-03-03,1,1,1"]


def test_who_still_waits_when_a_file_ends_has_waited_too_long(ingested: Ingest) -> None:
    parity = check(
        ingested(
            Payloads(
                [
                    event("w", "call.queued", 0, queue="general"),
                    event("m", "ivr.started", 1),
                    event("m", "call.abandoned", 2, wait_ms=0, phase="ivr"),
                ]
            )
        ),
        SITE.site,
    )
    assert not differing(parity)
    assert not parity.in_doubt
    assert totals(parity) == {
        **{"contacts": 2, "offered": 1, "unmatched": 1, "sl_offered": 1, "ivr_abandoned": 1},
        **{"events": 3 + 8},
    }


# -- what is falsified is found --------------------------------------------------------------


@pytest.fixture
def small(ingested: Ingest) -> Client:
    """One call of one minute: 10 s of waiting, 60 s of talk."""
    return ingested(
        Payloads(
            [
                event("s", "call.queued", 0, queue="general", phone_hash="p"),
                event("s", "call.answered", 10, wait_ms=10_000, agent_id="a"),
                event("s", "call.ended", 50, talk_ms=40_000),
            ]
        )
    )


def falsify(client: Client, table: str, change: str, where: str) -> None:
    """Write rows again with one column changed, as the latest revision."""
    name, _, value = change.partition("=")
    names = [row[0] for row in client.execute(f"DESCRIBE TABLE {table}") if row[0] != "stored_at"]
    values = [
        value if column == name else "revision + 1" if column == "revision" else column
        for column in names
    ]
    client.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table} FINAL "
        f"WHERE {where}"
    )


@pytest.mark.parametrize(
    ("change", "where", "measure", "sides"),
    [
        ("answered=2", "dims = 'site' AND answered = 1", "answered", (1, 2)),
        ("wait_answered_ms=0", "dims = 'agent' AND answered = 1", "wait_answered_ms", (10_000, 0)),
        ("callers=0", "callers = 1", "callers", (1, 0)),
        ("talk_bins=map(1, 1)", "dims = 'queue' AND handled = 1", "talk_bins", (0, 1)),
        ("agent_id='b'", "dims = 'agent' AND answered = 1", "answered", (0, 1)),
        ("minute=toDateTime(0)", "dims = 'site' AND offered = 1", "offered", (0, 1)),
    ],
)
def test_a_row_that_was_changed_is_found(
    small: Client, change: str, where: str, measure: str, sides: tuple[int, int]
) -> None:
    assert check(small, SITE.site).holds
    falsify(small, "call_minutes", change, where)
    parity = check(small, SITE.site)
    assert not parity.holds
    verdict = of(parity, measure)
    assert sides in [(example.recomputed, example.stored) for example in verdict.examples]
    assert verdict.worst == abs(sides[0] - sides[1])


def test_a_changed_count_of_what_arrived_is_found(small: Client) -> None:
    falsify(small, "intake_minutes", "late=1", "event_type = 'call.ended'")
    parity = check(small, SITE.site)
    assert [*differing(parity)] == ["late"]
    (example,) = of(parity, "late").examples
    assert example.values == ("test", "call.ended", "file:payloads")


def test_an_event_that_was_lost_is_found(small: Client) -> None:
    """The other side falsified: the log's copy lacks the talk."""
    small.execute(
        "ALTER TABLE raw_events DELETE WHERE event_type = 'call.ended' SETTINGS mutations_sync = 1"
    )
    parity = check(small, SITE.site)
    assert set(differing(parity)) == {"handled", "talk_ms", "talk_bins", "handle_bins", "events"}
    assert of(parity, "talk_ms").worst == 40_000
