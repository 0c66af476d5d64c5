"""What follows what in one customer's history, in numbers that can be checked by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contribution import Measure
from pipeline.entries import ContactEntry, Entry, EscalationEntry, HistoryKey, TicketEntry
from pipeline.operators.histories import History, HistoryChange, history
from pipeline.site_rules import default_rules
from tests.laws.profile import tried

KEY = HistoryKey("demo", "customer:k")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
FAMILIES: dict[type, str] = {
    ContactEntry: "contact",
    TicketEntry: "ticket",
    EscalationEntry: "escalation",
}


def contact(id_: str, at: int, *issues: str, **more: Any) -> ContactEntry:
    """A call of three minutes, by default of a known customer whom an agent helped."""
    usual = ContactEntry(
        *(id_, at, at + 3 * MINUTE, id_, True, False, True, issues),
        ("q", "phone", "", "a", "t", issues[0] if issues else "", ""),
        "",
    )
    return usual._replace(**more)


def ticket(id_: str, at: int, *issues: str, **more: Any) -> TicketEntry:
    """A complaint of a known customer, from a call, of which nothing else has happened."""
    values = (*("",) * 6, issues[0] if issues else "", "", "", "")
    usual = TicketEntry(id_, at, "a call", True, False, issues, *(0,) * 6, values, "")
    return usual._replace(**more)


def escalation(id_: str, at: int) -> EscalationEntry:
    return EscalationEntry(id_, at, True, (*("",) * 9, "regulator"), "")


def told(entries: Iterable[Entry | None], ids: Iterable[str] = ()) -> Iterator[HistoryChange]:
    """Changes in this order; the i-th without an entry withdraws the i-th of the ids."""
    gone = iter(ids)
    for revision, entry in enumerate(entries, start=1):
        if entry is None:
            yield HistoryChange(revision, KEY, "contact", next(gone), None)
        else:
            yield HistoryChange(revision, KEY, FAMILIES[type(entry)], entry.id, entry)


def counted(changes: Iterable[HistoryChange], dims: str = "site") -> Counter[Measure]:
    """What the changes amount to, each read by a history that comes from the store."""
    sums: Counter[Measure] = Counter()
    state, revision = None, 0
    for change in changes:
        known: dict[str, Any] = {"state": state, "revision": revision} if state else {}
        one = History(KEY, 0, lambda _: default_rules(), **known)
        for add in one.apply(change):
            if dims in add.cell.place.sets:
                for measure, value in add.cell.measures:
                    sums[measure] += add.sign * value
        state, revision = one.snapshot(), one.revision
    return +sums


def plain(*entries: Entry) -> dict[Measure, int]:
    """The counts of these entries, histograms left out."""
    sums = counted(told(entries))
    return {measure: n for measure, n in sums.items() if isinstance(measure, str)}


def test_a_call_that_comes_back_within_a_week_was_not_settled_by_the_first() -> None:
    """Days 0, 5 and 13: the second follows after 5 days of 7, the third after 8."""
    assert plain(
        contact("a", 0, "fee"), contact("b", 5 * DAY, "fee"), contact("c", 13 * DAY, "fee")
    ) == {
        **{"traced": 3, "traced_issue": 3},
        **{"contacted_again": 1, "followed_same": 1, "repeats": 1},
    }


def test_exactly_at_the_end_of_the_window_is_within_it() -> None:
    again = plain(contact("a", 0, "fee"), contact("b", 7 * DAY, "fee"))
    assert again["followed_same"] == again["repeats"] == again["contacted_again"] == 1
    apart = plain(contact("a", 0, "fee"), contact("b", 7 * DAY + 1, "fee"))
    assert "followed_same" not in apart


def test_another_issue_is_no_repeat_and_an_untold_one_says_nothing() -> None:
    assert plain(contact("a", 0, "fee"), contact("b", DAY, "network"), contact("c", 2 * DAY)) == {
        "traced": 3,
        "traced_issue": 2,
        "contacted_again": 2,
    }
    both = plain(contact("a", 0, "fee"), contact("b", DAY, "network", "fee"))
    assert both["followed_same"] == both["repeats"] == 1


def test_what_begins_within_a_quarter_of_an_hour_is_the_same_contact() -> None:
    """The first lasts 3 minutes: 17 min 59 s is within 15 min of its end, 18 min is not."""
    second = contact("b", 18 * MINUTE - 1000, "fee")
    assert plain(contact("a", 0, "fee"), second) == {"traced": 1, "traced_issue": 1}
    later = second._replace(at=18 * MINUTE, until=21 * MINUTE)
    assert plain(contact("a", 0, "fee"), later)["traced"] == 2
    transferred = later._replace(root="a")
    assert plain(contact("a", 0, "fee"), transferred)["traced"] == 1


def test_a_complaint_in_writing_is_a_contact_and_one_from_a_call_is_none() -> None:
    written = ticket("t", DAY, "fee", contact="")
    assert plain(contact("a", 0, "fee"), written)["followed_same"] == 1
    from_a_call = ticket("t", DAY, "fee", contact="a")
    assert "followed_same" not in plain(contact("a", 0, "fee"), from_a_call)
    assert "followed_same" not in plain(contact("a", 0, "fee"), written._replace(merged=True))


def test_who_is_not_known_is_not_traced() -> None:
    assert plain(contact("a", 0, "fee", known=False)) == {}
    assert plain(ticket("t", 0, "fee", known=False, contact="a")) == {}


def test_the_third_complaint_within_a_month_counts_and_the_fourth_does_not_again() -> None:
    """Days 0, 10, 20, 25: the third at day 20. Days 100, 101, 102: a run of their own."""
    days = (0, 10, 20, 25, 100, 101, 102)
    assert plain(*(ticket(f"t{day}", day * DAY, "fee") for day in days)) == {
        **{"complaints_traced": 7, "complaints_issue": 7},
        "repeat_complaints": 5,  # all but those of days 0 and 100
        "third_complaints": 2,
    }


def test_duplicates_and_reopenings_repeat_nothing() -> None:
    assert "repeat_complaints" not in plain(
        ticket("a", 0, "fee", finished_at=DAY, reopened_at=2 * DAY),
        ticket("b", DAY, "fee", merged=True),
    )


@pytest.mark.parametrize(
    ("entries", "in_vain"),
    [
        ([], 0),
        ([ticket("b", 31 * DAY, "fee")], 1),  # 30 days after it was settled
        ([ticket("b", 31 * DAY + 1, "fee")], 0),
        ([ticket("b", 2 * DAY, "network")], 0),
    ],
)
def test_settled_once_and_for_all(entries: list[TicketEntry], in_vain: int) -> None:
    sums = plain(ticket("a", 0, "fee", finished_at=DAY), *entries)
    assert sums["settled"] == 1
    assert sums.get("settled_in_vain", 0) == in_vain
    reopened = ticket("a", 0, "fee", finished_at=DAY, reopened_at=3 * DAY)
    assert plain(reopened, *entries)["settled_in_vain"] == 1


@pytest.mark.parametrize(
    ("ticket_", "passed_on"),
    [
        (None, 0),
        (ticket("t", MINUTE, contact="a", finished_at=23 * HOUR), 0),
        (ticket("t", MINUTE, contact="a", finished_at=25 * HOUR), 1),
        (ticket("t", MINUTE, contact="a", passed_on_at=HOUR, finished_at=2 * HOUR), 1),
        (ticket("t", MINUTE, contact="a", merged=True), 0),
        (ticket("t", MINUTE, contact="another"), 0),
    ],
)
def test_one_stop_is_without_a_ticket_that_the_front_line_does_not_settle_in_a_day(
    ticket_: TicketEntry | None, passed_on: int
) -> None:
    sums = plain(contact("a", 0, complaint=True), *([ticket_] if ticket_ else []))
    assert sums["complaint_contacts"] == 1
    assert sums.get("complaints_passed_on", 0) == passed_on


def test_a_machine_has_settled_what_no_person_had_to_answer() -> None:
    machine = ticket("t", 0, "fee", auto_at=MINUTE)
    assert "auto_answered_in_vain" not in plain(machine)
    assert plain(machine._replace(replied_at=HOUR))["auto_answered_in_vain"] == 1
    assert "auto_answered_in_vain" not in plain(machine._replace(replied_at=25 * HOUR))
    assert plain(machine, contact("a", HOUR))["auto_answered_in_vain"] == 1
    assert "auto_answered_in_vain" not in plain(machine, contact("a", HOUR, helped=False))


def test_what_came_before_an_escalation() -> None:
    """A complaint 40 days and one 100 days before it: 90 are looked back."""
    at = 100 * DAY
    sums = counted(
        told(
            [
                escalation("e", at),
                ticket("old", 0, "fee", threat_at=at - 30 * DAY),
                ticket("new", 60 * DAY, "fee", threat_at=at - 30 * DAY - 1),
                contact("a", 50 * DAY),
                escalation("alone", -200 * DAY),
            ]
        ),
    )
    assert sums["escalations_traced"] == 2
    assert sums["escalations_after_contact"] == sums["escalations_after_ticket"] == 1
    assert sums["complaint_to_escalation_ms"] == 40 * DAY
    assert (sums["threats"], sums["threats_carried_out"]) == (2, 1)


@tried(60)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 25))
def test_in_whatever_order_it_is_told_it_comes_to_the_same(seed: int, size: int) -> None:
    """Also where some of it is corrected, and some withdrawn again."""
    random_ = random.Random(seed)
    entries: list[Entry] = []
    for number in range(size):
        at = random_.randint(0, 60) * DAY + random_.choice([0, 5, 600]) * MINUTE
        issues = random_.choice([(), ("fee",), ("network",)])
        if random_.random() < 0.5:
            entries.append(contact(f"{number}", at, *issues))
        else:
            entries.append(ticket(f"{number}", at, *issues))
    straight = counted(told(entries))
    mistaken = [contact(f"x{n}", random_.randint(0, 60) * DAY, "fee") for n in range(3)]
    first = [entry._replace(at=entry.at + DAY) for entry in entries]
    mixed: list[Entry | None] = [*random_.sample(first, size), *mistaken]
    mixed += [*random_.sample(entries, size), None, None, None]
    assert counted(told(mixed, [one.id for one in mistaken])) == straight


def test_a_history_without_an_end_is_cut_and_what_it_counted_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine calls 100 times, once an hour: each call counts, and all but the last come back."""
    monkeypatch.setattr(history, "MAX_ENTRIES", 12)
    calls = [contact(f"{number:03d}", number * HOUR, "fee") for number in range(100)]
    sums = counted(told(calls))
    assert sums["traced"] == 100
    assert sums["followed_same"] == sums["repeats"] == 99
    # What is told of so old a call later counts nowhere, and takes nothing back.
    late = [*calls, contact("000", 0, "network"), contact("late", HOUR, "fee")]
    assert counted(told(late)) == sums


def test_a_change_that_was_read_back_already_is_left_alone() -> None:
    rules = default_rules()
    change = HistoryChange(7, KEY, "contact", "a", contact("a", 0, "fee"))
    first = History(KEY, 0, lambda _: rules)
    assert first.apply(change)
    again = History(KEY, 0, lambda _: rules, revision=7, state=first.snapshot())
    assert not again.apply(change)
    assert again.size == 1
    assert again.last_at == 0
