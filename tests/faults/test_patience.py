"""An outage is told when it begins, when it lasts, and when it is over."""

from __future__ import annotations

import pytest

from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.runtimes.patience import Patience


def test_an_outage_that_lasts_is_told_again_with_its_reason_of_then() -> None:
    told: list[str] = []
    answers = iter(["it restarts", "the disk is full\nand more", "the disk is full", ""])

    def call() -> str:
        answer = next(answers)
        if answer:
            raise StoreUnavailable(answer)
        return "done"

    patience = Patience(told.append, first_s=0.001, remind_s=0)

    assert patience.insist(call) == "done"
    assert told == [
        "it restarts; nothing is lost, waiting for it",
        "still waiting for the store after 0 s: the disk is full",
        "still waiting for the store after 0 s: the disk is full",
        "the store is back",
    ]
    assert patience.outages == 1


def test_what_waiting_does_not_change_is_raised_at_once() -> None:
    told: list[str] = []

    def call() -> None:
        msg = "no"
        raise StoreRefused(msg)

    with pytest.raises(StoreRefused):
        Patience(told.append).insist(call)
    assert told == []


def test_waiting_can_be_ended() -> None:
    def call() -> None:
        msg = "down"
        raise StoreUnavailable(msg)

    patience = Patience(lambda _: None)
    patience.stop.set()

    with pytest.raises(StoreUnavailable):
        patience.insist(call)
