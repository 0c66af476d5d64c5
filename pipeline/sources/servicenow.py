"""An incident log of ServiceNow flows in, a row per saving; what the desk would tell flows out.

A row is an incident as it stood after a saving, so an event is what differs from the row before.
`sys_mod_count` numbers the savings: the log's clock ties within a minute and sometimes goes back,
so the numbers go along as `seq`. `?` is an empty cell, and state -100 one that is not known. The
final `resolved_at`, `closed_at` and `closed_code` stand in every row; they are not told before
their time.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from pipeline.errors import InputError
from pipeline.sources.files import LineFile
from pipeline.sources.source import Counted, unreadable_row

SOURCE: Final = "servicenow"
COLUMNS: Final = (
    *("number", "incident_state", "reassignment_count", "reopen_count", "sys_mod_count"),
    *("made_sla", "caller_id", "opened_at", "sys_created_at", "sys_updated_at", "contact_type"),
    *("location", "category", "subcategory", "u_symptom", "impact", "priority"),
    *("assignment_group", "assigned_to", "closed_code", "resolved_at", "closed_at"),
)
"""What is read of the log; the order in the file does not matter, and there may be more."""
_TIME: Final = "%d/%m/%Y %H:%M"
_DONE: Final = frozenset({"Resolved", "Closed"})
_FIELDS: Final = {
    "contact_type": "channel",
    "location": "region",
    "impact": "severity",
    "priority": "priority",
    "assignment_group": "team",
    "assigned_to": "owner",
}
_MANY: Final = 100
"""Events that one saving may become, at most; they follow each other in its number."""

Row = dict[str, str]


class Counters(NamedTuple):
    """What the log itself says of one incident in its last row; instants are local, None: empty."""

    reopens: int
    reassignments: int
    opened_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    made_sla: bool
    priority: str


class ServiceNow(Counted):
    """Reads one log. An incident's events share `ticket_id`, and so their shard."""

    name = SOURCE
    allowed_lateness_ms = 0
    """Events leave here in order of occurrence."""

    def __init__(self, path: Path, site: str, zone: ZoneInfo) -> None:
        """Read the log in `path` as that of `site`, whose clocks show the time of `zone`.

        Raises:
            InputError: there is no such file, or it cannot be opened.
        """
        self._file = LineFile(path)
        super().__init__(self._file)
        self.site = site
        self.zone = zone

    def events(self) -> Iterator[bytes]:
        """Yield rows that cannot be read first, then all events in order of occurrence.

        Raises:
            InputError: columns are missing, or the file breaks off.
        """
        self.begin()
        incidents: dict[str, list[Row]] = {}
        for number, row, problem in self._rows():
            if problem:
                text = ",".join(row.values()).encode()
                yield unreadable_row(number, problem, text, site=self.site, source=SOURCE)
            else:
                incidents.setdefault(row["number"], []).append(row)
        told = [
            (event["occurred_at"], event["ticket_id"], event["seq"], event)
            for rows in incidents.values()
            for event in self._tell(in_their_order(rows))
        ]
        told.sort(key=lambda one: one[:3])
        for *_, event in told:
            yield msgspec.json.encode(event)

    def counters(self) -> dict[str, Counters]:
        """The log's own counters, by incident.

        Raises:
            InputError: columns are missing, or the file breaks off.
        """
        incidents: dict[str, list[Row]] = {}
        for _, row, problem in self._rows():
            if not problem:
                incidents.setdefault(row["number"], []).append(row)
        return {number: _counters(in_their_order(rows)[-1]) for number, rows in incidents.items()}

    def _rows(self) -> Iterator[tuple[int, Row, str]]:
        """The rows with their line numbers, and what is wrong with each, if anything."""
        lines = (line.decode("utf-8", errors="replace") for line in self._file.lines())
        reader = csv.reader(lines)
        header = next(reader, [])
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            msg = (
                f"{self._file.path} does not begin with the columns of {SOURCE}: "
                f"{', '.join(missing)} not found among {', '.join(header)[:200] or 'none'}."
            )
            raise InputError(msg)
        for values in reader:
            if not values:
                self.skipped["blank line"] += 1
                continue
            row = {name: "" if v == "?" else v for name, v in zip(header, values, strict=False)}
            yield reader.line_num, row, _problem(row)

    # -- one incident -----------------------------------------------------------------------

    def _tell(self, rows: list[Row]) -> Iterator[dict[str, object]]:
        first = rows[0]
        number = int(first["sys_mod_count"])
        said = {"received_at": self._instant(first["opened_at"])} if first["opened_at"] else {}
        created = first["sys_created_at"] or first["sys_updated_at"]
        yield self._event(first, "registered", number * _MANY, created) | _about(first, {}) | said
        state, last = "New", first
        places: Counter[int] = Counter({number: 1})
        for row in rows:
            number = int(row["sys_mod_count"])
            now = row["incident_state"] if row["incident_state"] != "-100" else state
            about = _about(row, last)
            words = list(_words(row, last, state, now))
            if row is first and words == ["updated"]:
                words = []  # registering told it
            for word in words:
                seq = number * _MANY + places[number]
                places[number] += 1
                event = self._event(row, word, seq, row["sys_updated_at"]) | about
                if word in {"resolved", "closed"} and row["closed_code"]:
                    event["outcome"] = row["closed_code"]
                if word == "updated" and now != state:
                    event["reason"] = now
                yield event
                about = {}
            state, last = now, row

    def _event(self, row: Row, word: str, seq: int, at: str) -> dict[str, object]:
        event: dict[str, object] = {
            "event_id": f"{row['number']}:{seq}:{word}",
            "event_type": f"ticket.{word}",
            "site": self.site,
            "source": SOURCE,
            "occurred_at": self._instant(at),
            "ticket_id": row["number"],
            "seq": seq,
        }
        if row["caller_id"]:
            event["customer_id"] = row["caller_id"]
        return event

    def _instant(self, text: str) -> datetime:
        return _clock(text).replace(tzinfo=self.zone).astimezone(UTC)


@lru_cache(maxsize=1 << 14)
def _clock(text: str) -> datetime:
    """What the desk's clock showed, as if in UTC; rows of one incident repeat their times."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def in_their_order(rows: list[Row]) -> list[Row]:
    """An incident's rows as the desk saved them; those with one number as they lie in the file."""
    return sorted(rows, key=lambda row: int(row["sys_mod_count"]))


def _words(row: Row, last: Row, state: str, now: str) -> Iterator[str]:
    """What a saving was, in words of the contract."""
    team, before = row["assignment_group"], last["assignment_group"]
    quiet = True
    if state in _DONE and now not in _DONE:
        quiet = False
        yield "reopened"
    if team != before:
        quiet = False
        yield "dispatched" if team else "returned"
    if now != state and now in _DONE and not (state == "Closed" and now == "Resolved"):
        quiet = False
        yield now.lower()
    elif state == "New" and now == "Active":
        quiet = False
        yield "accepted"
    if quiet:
        yield "updated"


def _about(row: Row, last: Row) -> dict[str, object]:
    """What a saving changed."""
    about: dict[str, object] = {
        field: row[column].lower() if field == "channel" else row[column]
        for column, field in _FIELDS.items()
        if row[column] and row[column] != last.get(column)
    }
    names = ("category", "subcategory", "u_symptom")
    if row["category"] and any(row[name] != last.get(name) for name in names):
        category = [row[name] for name in names]
        about["category"] = category[: category.index("")] if "" in category else category
    return about


def _problem(row: Row) -> str:
    """Why a row has no meaning; "" if it has one."""
    missing = [name for name in COLUMNS if name not in row]
    if missing:
        return f"no {missing[0]}: the row is cut short; export the log again"
    if not row["number"]:
        return "number is empty: a row must name its incident"
    if not row["sys_mod_count"].isdecimal():
        return f"sys_mod_count should be a whole number, not {row['sys_mod_count']!r}"
    for name in ("opened_at", "sys_created_at", "sys_updated_at"):
        try:
            _clock(row[name] or "1/1/2000 00:00")
        except ValueError:
            return f"{name} should be a time such as 29/2/2016 01:16, not {row[name]!r}"
    return "" if row["sys_updated_at"] else "sys_updated_at is empty: a row must say when it was"


def _counters(row: Row) -> Counters:
    def instant(text: str) -> datetime | None:
        try:
            return _clock(text)
        except ValueError:
            return None

    def count(text: str) -> int:
        return int(text) if text.isdecimal() else 0

    return Counters(
        count(row["reopen_count"]),
        count(row["reassignment_count"]),
        instant(row["opened_at"]),
        instant(row["resolved_at"]),
        instant(row["closed_at"]),
        row["made_sla"] == "true",
        row["priority"],
    )
