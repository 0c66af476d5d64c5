"""A store flows in, a verdict per base measure flows out: recomputed and stored counts compared.

The work goes a span of days at a time, each with a bounded number of events, so memory does not
grow with the store. A contact is read whole in every span that it may count in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from pipeline.parity import (
    agents_sql,
    calls_sql,
    chains_sql,
    hands_sql,
    histories_sql,
    hours_sql,
    intake_sql,
    tasks_sql,
    ticket_levels_sql,
    ticket_rows_sql,
    ticket_sums_sql,
    tickets_sql,
)
from pipeline.parity.compare import (
    SETTINGS,
    Family,
    Store,
    Verdict,
    compare,
    verdicts_of,
)
from pipeline.parity.contacts_sql import CONTACT, IS_STAGE, MOVED, MOVES, quoted

DAY_MS = 86_400_000
EVENTS_AT_ONCE = 250_000
"""Events of a span, about: at some 2 kB each in the store's memory."""
MAX_WAIT_MS = 7 * DAY_MS
"""The contract's longest duration: an entry may be implied as long before its exit."""

_END_MS = 4_102_444_800_000 * 2
"""After every minute that a row can have."""
_CONTACTS = "parity_contacts"


@dataclass(frozen=True, slots=True)
class Parity:
    """The whole comparison.

    `events` are the events of the site; `in_doubt` counts contacts that still wait, of which only
    the stream knows whether their time has come.
    """

    verdicts: tuple[Verdict, ...]
    events: int
    in_doubt: int

    @property
    def holds(self) -> bool:
        """Whether no count differs anywhere."""
        return not any(verdict.different for verdict in self.verdicts)


def check(
    store: Store,
    site: str,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    events_at_once: int = EVENTS_AT_ONCE,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Parity:
    """Recompute every base measure of a site from its raw events and compare.

    Args:
        store: holds `raw_events`, `dead_letters` and the base rows.
        site: whose rows to compare.
        start_ms: the first minute to compare, epoch ms; the beginning if None.
        end_ms: where to stop, not included; the end if None.
        events_at_once: how many events a span of days should hold at most.
        progress: is given how much is done and how much there is, in events (those that are
            compared twice count twice).
    """
    reach = _reach(store, site)
    zones = [(str(r), str(z)) for r, z in store.execute(calls_sql.ZONES, {"site": site})]
    clocks = _clocks(store)
    contacts = calls_sql.call_contacts(zones)
    calls = Family(
        calls_sql.DIMENSIONS,
        calls_sql.calls_rows(_CONTACTS, clocks),
        calls_sql.stored_calls(),
        verdicts_of("calls", (*calls_sql.SUMS, *calls_sql.HISTOGRAMS)),
    )
    agents = Family(
        agents_sql.DIMENSIONS,
        agents_sql.agents_rows(clocks),
        agents_sql.stored_agents(),
        verdicts_of("agents", agents_sql.SUMS),
    )
    intake = Family(
        intake_sql.DIMENSIONS,
        intake_sql.intake_rows(),
        intake_sql.stored_intake(),
        verdicts_of("intake", intake_sql.SUMS),
    )
    calls_days = _days(store, site, "event_time", "call_minutes", IS_STAGE)
    agents_days = _days(store, site, "event_time", "agent_minutes", agents_sql.IS_REPORT)
    intake_days = _days(store, site, "ingest_time", "intake_minutes", "kind = 'event'")
    work = sum(count for days in (calls_days, agents_days, intake_days) for _, count in days)
    store.execute(f"DROP TEMPORARY TABLE IF EXISTS {MOVED}")
    store.execute(
        f"CREATE TEMPORARY TABLE {MOVED} ENGINE = Memory AS {MOVES}{SETTINGS}", {"site": site}
    )
    for name in (histories_sql.CONTACTS, histories_sql.TICKETS, histories_sql.ESCALATIONS):
        store.execute(f"DROP TEMPORARY TABLE IF EXISTS {name}")
        store.execute(histories_sql.create(name))
    done = in_doubt = 0
    bounds = start_ms, end_ms
    apart_ms = int(store.execute(histories_sql.widest(), {"site": site})[0][0])
    wide = (
        None if start_ms is None else start_ms - apart_ms,
        None if end_ms is None else end_ms + apart_ms,
    )
    for row_from, row_to, count in _spans(calls_days, events_at_once, MAX_WAIT_MS, *wide):
        params = {
            "site": site,
            "row_from": row_from,
            "row_to": row_to,
            "touch_from": row_from - DAY_MS,
            "touch_to": row_to + reach.wait_ms + 1,
            "load_from": row_from - DAY_MS - reach.length_ms,
            "load_to": row_to + reach.wait_ms + reach.length_ms + 1,
        }
        # Kept in between: the engine takes several times as long to plan it all as one query.
        store.execute(f"DROP TEMPORARY TABLE IF EXISTS {_CONTACTS}")
        store.execute(
            f"CREATE TEMPORARY TABLE {_CONTACTS} ENGINE = Memory AS {contacts}{SETTINGS}", params
        )
        store.execute(
            f"INSERT INTO {histories_sql.CONTACTS} {histories_sql.contacts(_CONTACTS)}{SETTINGS}",
            params,
        )
        inside = max(row_from, start_ms or row_from), min(row_to, end_ms or row_to)
        if inside[0] < inside[1]:
            params |= dict(zip(("row_from", "row_to"), inside, strict=True))
            in_doubt += compare(store, calls, params)
        store.execute(f"DROP TEMPORARY TABLE {_CONTACTS}")
        done += count
        progress(done, work)
    store.execute(f"DROP TEMPORARY TABLE {MOVED}")
    for row_from, row_to, count in _spans(agents_days, events_at_once, DAY_MS, *bounds):
        params = {
            "site": site,
            "row_from": row_from,
            "row_to": row_to,
            "load_from": row_from - agents_sql.AROUND_MS,
            "load_to": row_to + agents_sql.AROUND_MS,
        }
        compare(store, agents, params)
        done += count
        progress(done, work)
    for row_from, row_to, count in _spans(intake_days, events_at_once, 0, *bounds):
        params = {"site": site, "row_from": row_from, "row_to": row_to}
        compare(store, intake, params)
        done += count
        progress(done, work)
    families = calls, agents, intake
    found = tuple(verdict for family in families for verdict in family.verdicts.values())
    tickets, ticket_doubts = _tickets(store, site, zones, events_at_once, bounds)
    chains = _chains(store, site, events_at_once, bounds)
    events = sum(count for _, count in intake_days)
    return Parity((*found, *tickets, *chains), events, in_doubt + ticket_doubts)


def _tickets(
    store: Store,
    site: str,
    zones: Sequence[tuple[str, str]],
    events_at_once: int,
    bounds: tuple[int | None, int | None],
) -> tuple[list[Verdict], int]:
    """Compare tickets and tasks, a part at a time: their lives are longer than any span."""
    counted, clocks = ticket_sums_sql.COUNTED, _clocks(store)
    steps = (
        (tickets_sql.NUMBERED, tickets_sql.numbered()),
        (tickets_sql.STATES, tickets_sql.states()),
        (tasks_sql.ASSIGNED, tasks_sql.assignments(clocks)),
        (hours_sql.OPENINGS, hours_sql.openings(zones)),
        (ticket_levels_sql.KNOWN, ticket_levels_sql.known(clocks)),
        (ticket_rows_sql.WHOLE, ticket_rows_sql.whole()),
    )
    for name in (counted, *(name for name, _ in steps)):
        store.execute(f"DROP TEMPORARY TABLE IF EXISTS {name}")
    events = store.execute(
        "SELECT count() FROM raw_events WHERE site = %(site)s AND event_type IN %(types)s",
        {"site": site, "types": tickets_sql.TYPES},
    )[0][0]
    parts = events // events_at_once + 1 if events else 0
    store.execute(ticket_sums_sql.create_counted())
    for part in range(parts):
        params: dict[str, Any] = {"site": site, "part": part, "parts": parts}
        for name, sql in steps:
            if name == hours_sql.OPENINGS:
                [[params["day_from"], params["day_to"]]] = store.execute(
                    hours_sql.days_of(tasks_sql.moments(tickets_sql.STATES))
                )
            store.execute(
                f"CREATE TEMPORARY TABLE {name} ENGINE = Memory AS {sql}{SETTINGS}", params
            )
        for family, sources in ticket_rows_sql.COUNTS.items():
            for source in sources:
                sql = ticket_sums_sql.counted(family, source())
                store.execute(f"INSERT INTO {counted} {sql}{SETTINGS}", params)
        for sql in (
            tasks_sql.counted(),
            hands_sql.counted(ticket_levels_sql.KNOWN, ticket_rows_sql.WHOLE),
        ):
            store.execute(f"INSERT INTO {counted} {sql}{SETTINGS}", params)
        for name, sql in (
            (histories_sql.TICKETS, histories_sql.tickets()),
            (histories_sql.ESCALATIONS, histories_sql.escalations()),
        ):
            store.execute(f"INSERT INTO {name} {sql}{SETTINGS}", params)
        for name, _ in steps:
            store.execute(f"DROP TEMPORARY TABLE {name}")
    start_ms, end_ms = bounds
    params = {
        "site": site,
        "row_from": 0 if start_ms is None else start_ms,
        "row_to": _END_MS if end_ms is None else end_ms,
    }
    found: list[Verdict] = []
    in_doubt = 0
    for both in (
        Family(
            ticket_rows_sql.DIMENSIONS,
            ticket_sums_sql.rows("tickets"),
            ticket_sums_sql.stored("tickets"),
            verdicts_of("tickets", (*ticket_rows_sql.SUMS, *ticket_rows_sql.HISTOGRAMS)),
        ),
        Family(
            ticket_levels_sql.LEVEL_DIMENSIONS,
            ticket_sums_sql.rows("ticket_levels"),
            ticket_sums_sql.stored("ticket_levels"),
            verdicts_of("ticket_levels", ticket_levels_sql.LEVELS),
        ),
        Family(
            tasks_sql.DIMENSIONS,
            tasks_sql.rows(counted),
            tasks_sql.stored(),
            verdicts_of("tasks", (*tasks_sql.SUMS, *tasks_sql.HISTOGRAMS)),
        ),
    ):
        in_doubt += compare(store, both, params)
        found.extend(both.verdicts.values())
    store.execute(f"DROP TEMPORARY TABLE {counted}")
    return found, in_doubt


def _chains(
    store: Store, site: str, events_at_once: int, bounds: tuple[int | None, int | None]
) -> list[Verdict]:
    """Compare what follows what, from the tables of contacts, tickets and escalations."""
    counted, episodes = chains_sql.COUNTED, chains_sql.EPISODES
    for name in (counted, episodes):
        store.execute(f"DROP TEMPORARY TABLE IF EXISTS {name}")
    store.execute(chains_sql.create_counted())
    entries = store.execute(f"SELECT count() FROM {histories_sql.CONTACTS}")[0][0]
    parts = entries // events_at_once + 1
    for part in range(parts):
        params = {"site": site, "part": part, "parts": parts}
        store.execute(
            f"CREATE TEMPORARY TABLE {episodes} ENGINE = Memory AS {chains_sql.episodes()}"
            f"{SETTINGS}",
            params,
        )
        for sql in (chains_sql.contact_counts(), *chains_sql.complaint_counts()):
            store.execute(f"INSERT INTO {counted} {sql}{SETTINGS}", params)
        store.execute(f"DROP TEMPORARY TABLE {episodes}")
    start_ms, end_ms = bounds
    params = {
        "site": site,
        "row_from": 0 if start_ms is None else start_ms,
        "row_to": _END_MS if end_ms is None else end_ms,
    }
    found: list[Verdict] = []
    for name, (dimensions, measures) in chains_sql.FAMILIES.items():
        both = Family(
            dimensions,
            chains_sql.rows(name),
            chains_sql.stored(name),
            verdicts_of(name, measures),
        )
        compare(store, both, params)
        found.extend(both.verdicts.values())
    for name in (counted, histories_sql.CONTACTS, histories_sql.TICKETS, histories_sql.ESCALATIONS):
        store.execute(f"DROP TEMPORARY TABLE {name}")
    return found


class _Reach(NamedTuple):
    """The longest contact, first event to last, and the longest wait that one states, ms."""

    length_ms: int
    wait_ms: int


def _reach(store: Store, site: str) -> _Reach:
    rows = store.execute(
        f"""
SELECT max(last - first), max(longest)
FROM (
    SELECT
        toUnixTimestamp64Milli(min(event_time)) AS first,
        toUnixTimestamp64Milli(max(event_time)) AS last,
        max(JSONExtractFloat(payload, 'wait_ms')) AS longest
    FROM raw_events
    WHERE site = %(site)s AND {IS_STAGE}
    GROUP BY shard, {CONTACT}
)""",
        {"site": site},
    )
    length, wait = rows[0]
    return _Reach(int(length or 0), int(wait or 0))


def _clocks(store: Store) -> str:
    """The clocks of domains that have not ended, as an SQL array."""
    running = ", ".join(
        f"({shard}, {quoted(domain)}, {watermark}, {moved_at})"
        for shard, domain, watermark, moved_at in store.execute(intake_sql.RUNNING_CLOCKS)
    )
    return f"[{running}]::Array(Tuple(UInt16, String, Int64, Int64))"


def _days(store: Store, site: str, time: str, table: str, kept: str) -> list[tuple[date, int]]:
    """The days (UTC) that either side has something in, each with its number of events.

    Only of events of which `kept` holds, in SQL.
    """
    rows = store.execute(
        f"""
SELECT day, sum(n) FROM (
    SELECT toDate({time}, 'UTC') AS day, count() AS n FROM raw_events
    WHERE site = %(site)s AND {kept} GROUP BY day
    UNION ALL
    SELECT DISTINCT toDate(minute, 'UTC') AS day, 0 AS n FROM {table} WHERE site = %(site)s
)
GROUP BY day ORDER BY day""",
        {"site": site},
    )
    return [(day, int(count)) for day, count in rows]


def _spans(
    days: Sequence[tuple[date, int]],
    events_at_once: int,
    before_ms: int,
    start_ms: int | None,
    end_ms: int | None,
) -> Iterator[tuple[int, int, int]]:
    """Cut the time line where enough events have come together: (from, to, events), epoch ms.

    The first span begins `before_ms` earlier than its first event, the last ends two days after its
    last: what an event implies may lie that far from it.
    """
    if not days:
        return
    begin = _ms(days[0][0]) - before_ms
    held = 0
    last = days[-1][0]
    for day, count in days:
        held += count
        end = _ms(day) + (3 if day == last else 1) * DAY_MS
        if held >= events_at_once or day == last:
            row_from = begin if start_ms is None else max(begin, start_ms)
            row_to = end if end_ms is None else min(end, end_ms)
            if row_from < row_to:
                yield row_from, row_to, held
            begin, held = end, 0


def _ms(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(milliseconds=1)
