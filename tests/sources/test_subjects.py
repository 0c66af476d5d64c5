"""Identities in, the subject that routes them out; after any crash the same."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import LogCorrupt, LogError, LogFull, LogInUse
from pipeline.sources.subjects import Identities, Progress, SubjectMap

HOUR = 3_600_000


@pytest.fixture
def subjects(tmp_path: Path) -> Iterator[SubjectMap]:
    with SubjectMap(tmp_path / "subjects.db") as opened:
        yield opened


@pytest.mark.parametrize(
    ("identities", "expected"),
    [
        (Identities("c1", "r1", "t1", "42", "p1", "a1", "ag1"), "customer:42"),
        (Identities("c1", "r1", "t1", None, "p1", "a1", "ag1"), "phone:p1"),
        (Identities("c1", "r1", "t1", account_hash="a1"), "contact:r1"),
        (Identities("c1", ticket_id="t1"), "contact:c1"),
        (Identities(ticket_id="t1", account_hash="a1"), "ticket:t1"),
        (Identities(account_hash="a1", agent_id="ag1"), "account:a1"),
        (Identities(agent_id="ag1"), "agent:ag1"),
        (Identities(agent_id="ag1", phone_hash="p1", family="agent"), "agent:ag1"),
        (Identities(agent_id="ag1", contact_id="c1", family="schedule"), "agent:ag1"),
        (Identities(fallback="problem:77"), "problem:77"),
        (Identities(), ""),
        (Identities(customer_id="客户1"), "customer:客户1"),
        (Identities(customer_id="\ud800"), r"customer:\ud800"),
    ],
)
def test_a_new_subject_is_named_after_the_best_identity(
    subjects: SubjectMap, identities: Identities, expected: str
) -> None:
    assert subjects.subject("bj", identities, now_ms=0) == expected
    assert subjects.subject("bj", identities, now_ms=1) == expected


def test_a_contact_keeps_its_subject(subjects: SubjectMap) -> None:
    assert subjects.subject("bj", Identities("c1"), now_ms=0) == "contact:c1"
    # The customer is known now: too late for this contact, and for the ticket that it opens.
    assert subjects.subject("bj", Identities("c1", customer_id="42"), now_ms=1) == "contact:c1"
    ticket = Identities(ticket_id="t1", contact_id="c1", family="ticket")
    assert subjects.subject("bj", ticket, now_ms=2) == "contact:c1"
    assert subjects.subject("bj", Identities(ticket_id="t1"), now_ms=3) == "contact:c1"
    # And the customer's later contacts follow what was bound first.
    assert subjects.subject("bj", Identities("c2", customer_id="42"), now_ms=4) == "contact:c1"


def test_contacts_of_one_root_share_its_subject(subjects: SubjectMap) -> None:
    first = Identities("c1", phone_hash="p1")
    assert subjects.subject("bj", first, now_ms=0) == "phone:p1"
    assert subjects.subject("bj", Identities("c2", "c1"), now_ms=1) == "phone:p1"
    assert subjects.subject("bj", Identities("c2"), now_ms=2) == "phone:p1"


def test_customer_comes_before_phone(subjects: SubjectMap) -> None:
    subjects.subject("bj", Identities("c1", customer_id="42"), now_ms=0)
    subjects.subject("bj", Identities("c2", phone_hash="p1"), now_ms=0)
    both = Identities("c3", customer_id="42", phone_hash="p1")
    assert subjects.subject("bj", both, now_ms=1) == "customer:42"
    assert subjects.subject("bj", Identities("c4", phone_hash="p1"), now_ms=2) == "phone:p1"


def test_the_family_decides_between_a_ticket_and_a_contact(subjects: SubjectMap) -> None:
    subjects.subject("bj", Identities("c1", customer_id="1"), now_ms=0)
    subjects.subject("bj", Identities(ticket_id="t2", customer_id="2"), now_ms=0)
    both = Identities("c1", ticket_id="t2", family="call")
    assert subjects.subject("bj", both, now_ms=1) == "customer:1"
    assert subjects.subject("bj", both._replace(family="ticket"), now_ms=1) == "customer:2"


def test_sites_and_kinds_are_apart(subjects: SubjectMap) -> None:
    assert subjects.subject("bj", Identities("1", customer_id="9"), now_ms=0) == "customer:9"
    assert subjects.subject("sh", Identities("1"), now_ms=0) == "contact:1"
    assert subjects.subject("bj", Identities(ticket_id="1"), now_ms=0) == "ticket:1"
    assert subjects.subject("bj", Identities(phone_hash="9"), now_ms=0) == "phone:9"


def test_an_endless_identity_makes_a_short_subject(subjects: SubjectMap) -> None:
    long = Identities("x" * 100_000)
    subject = subjects.subject("bj", long, now_ms=0)
    assert len(subject) == len("contact:") + 64
    assert subjects.subject("bj", long, now_ms=1) == subject


class TestLinks:
    def test_only_later_contacts_are_routed_anew(self, subjects: SubjectMap) -> None:
        subjects.subject("bj", Identities("c1", customer_id="1"), now_ms=0)
        subjects.subject("bj", Identities("c2", customer_id="2", phone_hash="p2"), now_ms=0)
        subjects.subject("bj", Identities(ticket_id="t2", customer_id="2"), now_ms=0)
        subjects.link("bj", "customer:1", "customer:2")
        assert subjects.subject("bj", Identities("c2"), now_ms=1) == "customer:2"
        assert subjects.subject("bj", Identities(ticket_id="t2"), now_ms=1) == "customer:2"
        assert subjects.subject("bj", Identities("c3", customer_id="2"), now_ms=1) == "customer:1"
        assert subjects.subject("bj", Identities("c4", phone_hash="p2"), now_ms=1) == "customer:1"
        assert subjects.subject("sh", Identities("c5", customer_id="2"), now_ms=1) == "customer:2"

    def test_of_what_was_never_seen(self, subjects: SubjectMap) -> None:
        subjects.link("bj", "customer:1", "phone:p2")
        assert subjects.subject("bj", Identities("c1", phone_hash="p2"), now_ms=0) == "customer:1"

    def test_in_a_row_lead_to_the_last(self, subjects: SubjectMap) -> None:
        subjects.link("bj", "customer:2", "customer:1")
        subjects.link("bj", "customer:3", "customer:2")
        assert subjects.subject("bj", Identities("c1", customer_id="1"), now_ms=0) == "customer:3"

    def test_in_a_circle_end(self, subjects: SubjectMap) -> None:
        subjects.link("bj", "customer:1", "customer:2")
        subjects.link("bj", "customer:2", "customer:1")
        subjects.link("bj", "customer:1", "customer:1")
        for customer in ("1", "2"):
            new = Identities(f"c{customer}", customer_id=customer)
            assert subjects.subject("bj", new, now_ms=0) == "customer:1"

    def test_leave_a_contact_alone_whose_name_is_the_subject(self, subjects: SubjectMap) -> None:
        subjects.subject("bj", Identities("c2", account_hash="a2"), now_ms=0)
        subjects.link("bj", "customer:1", "contact:c2")
        assert subjects.subject("bj", Identities("c2"), now_ms=1) == "contact:c2"
        assert subjects.subject("bj", Identities("c3", account_hash="a2"), now_ms=1) == "customer:1"


class TestSaving:
    def test_what_is_not_saved_is_gone(self, tmp_path: Path) -> None:
        path = tmp_path / "subjects.db"
        with SubjectMap(path) as opened:
            assert opened.applied_position is None
            opened.subject("bj", Identities("c1", customer_id="1"), now_ms=0)
            opened.set_progress("file-1", Progress(10, ended=False, name="calls.csv"))
            assert opened.unsaved == 2
            opened.save("1:200")
            assert opened.unsaved == 0
            opened.subject("bj", Identities("c2", customer_id="1"), now_ms=0)
            opened.set_progress("file-1", Progress(20, ended=True, name="calls.csv"))
            assert opened.progress("file-1") == Progress(20, ended=True, name="calls.csv")
        with SubjectMap(path) as opened:
            assert opened.applied_position == "1:200"
            assert opened.entries == {"contact": 1, "customer": 1}
            assert opened.progress("file-1") == Progress(10, ended=False, name="calls.csv")
            assert opened.progress("file-2") is None
            assert opened.subject("bj", Identities("c1"), now_ms=0) == "customer:1"
            assert opened.subject("bj", Identities("c2"), now_ms=0) == "contact:c2"

    def test_a_failed_save_may_be_tried_again(self, tmp_path: Path) -> None:
        path = tmp_path / "subjects.db"
        with SubjectMap(path) as opened:
            database = opened._store._db
            database.execute("PRAGMA max_page_count = 8")
            for number in range(1000):
                opened.subject("bj", Identities(f"contact-{number}"), now_ms=0)
            with pytest.raises(LogFull, match="full; make room and try again"):
                opened.save("1:200")
            assert opened.applied_position is None
            database.execute("PRAGMA max_page_count = 100000")
            opened.save("1:200")
        with SubjectMap(path) as opened:
            assert opened.entries == {"contact": 1000}

    def test_a_save_beyond_a_quota_may_be_tried_again(self, tmp_path: Path) -> None:
        """Met here by a limit on files' sizes, which the system tells of in the same way."""
        with SubjectMap(tmp_path / "subjects.db") as opened:
            for number in range(1000):
                opened.subject("bj", Identities(f"contact-{number}"), now_ms=0)
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
            try:
                with pytest.raises(LogFull, match="make room, look at quotas"):
                    opened.save("1:200")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            opened.save("1:200")
            assert opened.applied_position == "1:200"

    def test_one_process_owns_the_file(self, subjects: SubjectMap, tmp_path: Path) -> None:
        subjects.save("1:200")
        with pytest.raises(LogInUse, match="stop the other process"):
            SubjectMap(tmp_path / "subjects.db")

    def test_a_damaged_file_says_how_to_go_on(self, tmp_path: Path) -> None:
        path = tmp_path / "subjects.db"
        path.write_bytes(b"not a database, but long enough to be one" * 100)
        with pytest.raises(LogCorrupt, match="made again from the log"):
            SubjectMap(path)

    def test_another_version_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "subjects.db"
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 9")
        database.close()
        with pytest.raises(LogError, match="format 9, this version reads 1: delete it"):
            SubjectMap(path)

    def test_no_directory_is_an_error_of_the_log(self, tmp_path: Path) -> None:
        with pytest.raises(LogError, match="unable to open"):
            SubjectMap(tmp_path / "absent" / "subjects.db")


class TestPurge:
    def test_contacts_and_tickets_go_and_persons_stay(self, subjects: SubjectMap) -> None:
        old = Identities("c1", ticket_id="t1", customer_id="1", phone_hash="p1")
        subjects.subject("bj", old, now_ms=0)
        subjects.subject("bj", Identities("c2"), now_ms=9 * HOUR)
        subjects.save("1:200")
        assert subjects.purge(5 * HOUR) == 2
        assert subjects.entries == {"contact": 1, "ticket": 0, "customer": 1, "phone": 1}
        assert subjects.subject("bj", Identities("c2", customer_id="1"), now_ms=0) == "contact:c2"
        assert subjects.subject("bj", Identities("c1"), now_ms=0) == "contact:c1"

    def test_an_event_keeps_its_contact(self, subjects: SubjectMap) -> None:
        subjects.subject("bj", Identities("c1", customer_id="1"), now_ms=0)
        subjects.save("1:200")
        subjects.subject("bj", Identities("c1"), now_ms=9 * HOUR)
        # Unsaved: its row is deleted, and the next save brings it back.
        subjects.purge(5 * HOUR)
        assert subjects.subject("bj", Identities("c1"), now_ms=9 * HOUR) == "customer:1"
        subjects.save("1:300")
        assert subjects.purge(5 * HOUR) == 0
        assert subjects.entries == {"contact": 1, "customer": 1}


class Step(NamedTuple):
    """An event, or a link if two subjects are given."""

    identities: Identities
    linked: tuple[str, str] | None = None


def _ids(prefix: str) -> st.SearchStrategy[str | None]:
    return st.none() | st.integers(1, 4).map(lambda number: f"{prefix}{number}")


EVENTS = st.builds(
    lambda *given: Step(Identities(*given)),
    _ids("c"),
    _ids("c"),
    _ids("t"),
    _ids(""),
    _ids("p"),
    _ids("a"),
    _ids("ag"),
    st.sampled_from(["call", "ticket", "agent", "survey"]),
    st.just("problem:1"),
)
NAMES = st.sampled_from(["customer:1", "customer:2", "phone:p1", "phone:p2", "contact:c1"])
STEPS = st.lists(EVENTS | st.builds(Step, st.just(Identities()), st.tuples(NAMES, NAMES)))


def apply(subjects: SubjectMap, step: Step, now_ms: int) -> str:
    if step.linked:
        subjects.link("bj", *step.linked, now_ms=now_ms)
        return ""
    return subjects.subject("bj", step.identities, now_ms=now_ms)


@settings(deadline=None)
@given(STEPS)
def test_a_replay_in_a_fresh_map_gives_the_same_subjects(steps: list[Step]) -> None:
    runs = []
    # The second map remembers nothing: each look-up goes to the file.
    for remembered in (1000, 1):
        with SubjectMap(Path(":memory:"), remembered=remembered) as subjects:
            run = []
            for number, step in enumerate(steps):
                run.append(apply(subjects, step, number))
                if number % 3 == 0:
                    subjects.save(str(number))
            runs.append(run)
    assert runs[0] == runs[1]


@settings(deadline=None)
@given(STEPS)
def test_contacts_and_tickets_never_change(steps: list[Step]) -> None:
    lives: dict[tuple[str, str | None], str] = {}
    with SubjectMap(Path(":memory:")) as subjects:
        for number, step in enumerate(steps):
            subject = apply(subjects, step, number)
            given_ids = step.identities
            about = (
                ("ticket", given_ids.ticket_id)
                if given_ids.family == "ticket" and given_ids.ticket_id
                else ("contact", given_ids.contact_id)
            )
            if about[1] and given_ids.family != "agent":
                assert lives.setdefault(about, subject) == subject


@settings(deadline=None)
@given(STEPS, st.lists(st.integers(0, 30), max_size=4), st.integers(1, 9))
def test_a_crash_at_any_point_changes_no_subject(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step], crashes: list[int], every: int
) -> None:
    with SubjectMap(Path(":memory:")) as subjects:
        expected = [apply(subjects, step, number) for number, step in enumerate(steps)]
    path = tmp_path_factory.mktemp("crash") / "subjects.db"
    subjects = SubjectMap(path, remembered=2)
    got: list[str] = []
    for number, step in enumerate(steps):
        if number in crashes:
            subjects.close()
            subjects = SubjectMap(path, remembered=2)
            # What the log holds after the saved position is taken in again.
            for again in range(int(subjects.applied_position or 0), number):
                if steps[again].linked:
                    apply(subjects, steps[again], again)
                else:
                    subjects.observe("bj", steps[again].identities, got[again], now_ms=again)
        got.append(apply(subjects, step, number))
        if number % every == 0:
            subjects.save(str(number + 1))
    subjects.close()
    assert got == expected
