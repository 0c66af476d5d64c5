"""One row of a bank's call log flows in, one call with instants in UTC flows out.

The format is that of the "Anonymous Bank" data of the Technion (Mandelbaum, Sakov, Zeltyn, 2000):
17 columns, clock times local to the centre, durations in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

COLUMNS: Final = (
    *("vru+line", "call_id", "customer_id", "priority", "type", "date"),
    *("vru_entry", "vru_exit", "vru_time", "q_start", "q_exit", "q_time"),
    *("outcome", "ser_start", "ser_exit", "ser_time", "server"),
)
_NAMES: Final = ("vru+line", "call_id", "priority", "type", "server")
_OUTCOMES: Final = frozenset({"AGENT", "HANG", "PHANTOM"})
_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,9}", re.ASCII)
_RUN_TOGETHER: Final = re.compile(r"(\d)([A-Z]{2})", re.ASCII)
_SPREADSHEET_NUMBER: Final = re.compile(r"\d(?:\.\d+)?E\+?\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class BankCall:
    """One call: instants in seconds since 1970, None where it did not get that far."""

    contact_id: str
    customer_id: str | None
    priority: str
    queue: str
    outcome: str
    """AGENT, HANG or PHANTOM."""
    agent_id: str
    ivr_started: int
    ivr_ended: int
    ivr_s: int | None
    queued: int | None
    in_queue: bool
    """It waited; an agent who took it straight away has it queued, but not waiting."""
    decided: int
    """When it was answered, given up or lost."""
    wait_s: int
    ended: int | None
    talk_s: int
    repairs: tuple[str, ...]


def read_row(line: bytes, zone: ZoneInfo) -> BankCall:
    """Read one row, mending what can be mended.

    Raises:
        ValueError: it cannot be read; the message says why.
    """
    row, repairs = _split(line)
    midnight = _midnight(row["date"], zone)
    entry = _clock(row, "vru_entry")

    def instant(name: str) -> int:
        # The nearest such clock time to the entry: one past midnight is the next day's, while a
        # step back of seconds (the queue's clock is not the menu's) stays on the same day.
        seconds = _clock(row, name)
        seconds += _DAY_S * round((entry - seconds) / _DAY_S)
        return int((midnight + timedelta(seconds=seconds)).timestamp())

    wait_s, talk_s, ivr_s = (_seconds(row, name) for name in ("q_time", "ser_time", "vru_time"))
    if wait_s < 0 or talk_s < 0:
        msg = f"{'q_time' if wait_s < 0 else 'ser_time'} is negative"
        raise ValueError(msg)
    if ivr_s < 0:
        repairs.append("negative ivr_ms dropped")
    # 0:00:00 stands for "never"; together with another time it is midnight.
    in_queue = wait_s > 0 or _clock(row, "q_start") > 0 or _clock(row, "q_exit") > 0
    served = talk_s > 0 or _clock(row, "ser_start") > 0 or _clock(row, "ser_exit") > 0
    answered = row["outcome"] == "AGENT"
    left = instant("q_exit") if in_queue else instant("vru_exit")
    service = instant("ser_start") if served else left
    if answered and not served:
        repairs.append("service times missing: answered at the end of the wait, talk_ms 0")
    hour, minute, second = row["vru_entry"].split(":")
    return BankCall(
        contact_id=f"{row['vru+line']}-{row['call_id']}-{row['date']}-{hour:0>2}{minute}{second}",
        customer_id=_customer(row["customer_id"], repairs),
        priority=row["priority"],
        queue=row["type"],
        outcome=row["outcome"],
        agent_id=row["server"],
        ivr_started=instant("vru_entry"),
        ivr_ended=instant("vru_exit"),
        ivr_s=ivr_s if ivr_s >= 0 else None,
        queued=instant("q_start") if in_queue else service if answered else None,
        in_queue=in_queue,
        decided=service if answered else left,
        wait_s=wait_s,
        # By its length, not its clock: some services end past midnight, before they began.
        ended=service + talk_s if answered or served else None,
        talk_s=talk_s,
        repairs=tuple(repairs),
    )


def _split(line: bytes) -> tuple[Mapping[str, str], list[str]]:
    """Name the fields of a row; the second result tells what was mended."""
    repairs: list[str] = []
    fields = [field.strip() for field in line.decode().split("\t")]
    if len(fields) == len(COLUMNS) - 1 and (both := _RUN_TOGETHER.fullmatch(fields[3])):
        fields[3:4] = both.groups()
        repairs.append("priority and type run together: split")
    if len(fields) != len(COLUMNS):
        msg = f"it has {len(fields)} fields, not {len(COLUMNS)}"
        raise ValueError(msg)
    row = dict(zip(COLUMNS, fields, strict=True))
    if row["outcome"] not in _OUTCOMES:
        msg = f"outcome is {row['outcome'][:20]!r}, not AGENT, HANG or PHANTOM"
        raise ValueError(msg)
    for name in _NAMES:
        if not 0 < len(row[name]) <= 40:
            msg = f"{name} is empty or longer than 40 characters"
            raise ValueError(msg)
    return row, repairs


@lru_cache(maxsize=64)
def _midnight(text: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.strptime(text, "%y%m%d").replace(tzinfo=zone)
    except ValueError as error:
        msg = f"date is {text[:20]!r}, not a day written YYMMDD"
        raise ValueError(msg) from error


def _clock(row: Mapping[str, str], name: str) -> int:
    match = _CLOCK.fullmatch(row[name])
    if match is None:
        msg = f"{name} is {row[name][:20]!r}, not a clock time H:MM:SS"
        raise ValueError(msg)
    hour, minute, second = match.groups()
    return int(hour) * 3600 + int(minute) * 60 + int(second)


def _seconds(row: Mapping[str, str], name: str) -> int:
    if _NUMBER.fullmatch(row[name]) is None or abs(int(row[name])) > _WEEK_S:
        msg = f"{name} is {row[name][:20]!r}, not a number of seconds up to a week"
        raise ValueError(msg)
    return int(row[name])


def _customer(text: str, repairs: list[str]) -> str | None:
    """Read a customer's number; 0 is nobody known."""
    if _SPREADSHEET_NUMBER.fullmatch(text):
        # A spreadsheet rounded it, so that many customers share what is left.
        repairs.append("customer_id rounded by a spreadsheet (3.27E+11): dropped")
        return None
    if not text.isdecimal() or len(text) > 40:
        msg = f"customer_id is {text[:20]!r}, not a number"
        raise ValueError(msg)
    return text if text.strip("0") else None
