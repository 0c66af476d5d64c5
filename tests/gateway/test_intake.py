"""Requests that come together go to the log together, in their order, and share its answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from pipeline.gateway import intake
from pipeline.gateway.batch import Batch
from pipeline.gateway.inquiry import Inquiry
from pipeline.gateway.intake import Intake
from pipeline.gateway.problems import Refusal
from pipeline.gateway.wire import Group, Line, Settled, Status, receive, send

Answer = Callable[[Group], Settled]


def batch(*payloads: bytes) -> Batch:
    return Batch(list(payloads), Counter(accepted=len(payloads)))


def groups_of(answer: Answer, work: Callable[[Intake], Awaitable[None]]) -> list[Group]:
    """The groups that some requests came in, where the log gives such answers."""
    mine, other = socket.socketpair()
    groups: list[Group] = []

    def commit() -> None:
        while (message := receive(other)) is not None:
            groups.append(msgspec.msgpack.decode(message, type=Group))
            send(other, msgspec.msgpack.encode(answer(groups[-1])))

    async def run() -> None:
        gone = asyncio.Event()
        line = Line(lost=gone.set)
        await line.connect(mine)
        try:
            await asyncio.wait_for(work(Intake(line, most=3_000)), 30)
        finally:
            other.shutdown(socket.SHUT_RDWR)
            await gone.wait()

    thread = threading.Thread(target=commit)
    thread.start()
    with other:
        asyncio.run(run())
        thread.join()
    return groups


def test_requests_gather_while_a_group_is_made_durable() -> None:
    """Ten come, then a thousand more while the first group is with the log: two groups."""
    first_is_there, go_on = threading.Event(), threading.Event()

    def answer(group: Group) -> Settled:
        if group.payloads[0] == b"0":
            first_is_there.set()
            assert go_on.wait(30)
        return Settled(None)

    async def work(way: Intake) -> None:
        early = [asyncio.create_task(way.put(batch(b"%d" % number))) for number in range(10)]
        await asyncio.to_thread(first_is_there.wait, 30)
        late = [asyncio.create_task(way.put(batch(b"%d" % n, b"and"))) for n in range(10, 1_010)]
        await asyncio.sleep(0)
        assert way.waiting == 1_010
        go_on.set()
        await asyncio.gather(*early, *late)
        assert way.waiting == 0

    groups = groups_of(answer, work)
    assert [len(group.payloads) for group in groups] == [10, 2_000]
    assert [group.counts["accepted"] for group in groups] == [10, 2_000]
    # "0" to "9" have 10 bytes; "10" to "1009" 90 * 2 + 900 * 3 + 10 * 4, and 1,000 times "and".
    assert [group.counts["payload_bytes"] for group in groups] == [10, 180 + 2_700 + 40 + 3_000]
    assert groups[1].payloads[::2] == [b"%d" % number for number in range(10, 1_010)]


def test_a_refusal_is_for_all_of_a_group_and_for_no_other() -> None:
    def answer(group: Group) -> Settled:
        return Settled((503, "disk_full", "no", 10.0) if b"1" in group.payloads else None)

    async def work(way: Intake) -> None:
        results = await asyncio.gather(
            *(way.put(batch(b"%d" % number)) for number in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results] == [Refusal] * 3
        refusal = results[0]
        assert isinstance(refusal, Refusal)
        assert (refusal.status, refusal.code, refusal.message) == (503, "disk_full", "no")
        assert refusal.retry_s == 10
        await way.put(batch(b"3"))

    assert len(groups_of(answer, work)) == 2


def test_a_group_has_a_bound_and_a_request_may_be_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GROUP_BYTES", 1_000)
    large = bytes(20 << 20)

    async def work(way: Intake) -> None:
        some = (batch(bytes(600)), batch(bytes(600)), batch(large), batch(b"x"))
        await asyncio.gather(*map(way.put, some))

    groups = groups_of(lambda group: Settled(None), work)
    assert [sum(map(len, group.payloads)) for group in groups] == [1_200, len(large), 1]


def test_who_comes_when_too_many_wait_is_told_to_come_back() -> None:
    async def work(way: Intake) -> None:
        way.most = 1
        first = asyncio.create_task(way.put(batch(b"1")))
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await way.put(batch(b"2"))
        assert (refused.value.status, refused.value.code) == (503, "busy")
        await first

    assert len(groups_of(lambda group: Settled(None), work)) == 1


def test_the_other_side_gone_is_a_status_too() -> None:
    async def run() -> tuple[Status, Status]:
        mine, other = socket.socketpair()
        gone = asyncio.Event()
        line = Line(lost=gone.set)
        inquiry = Inquiry(line)
        await line.connect(mine)
        known = Status(["a reason"], [], b"text")
        asked = [asyncio.create_task(inquiry.status()) for _ in range(2)]
        assert await asyncio.to_thread(receive, other) == b""
        send(other, msgspec.msgpack.encode(known))
        assert await asyncio.gather(*asked) == [known, known]  # by one question
        last = asyncio.create_task(inquiry.status())
        assert await asyncio.to_thread(receive, other) == b""
        other.close()
        await asyncio.wait_for(gone.wait(), 30)
        return known, await last

    _, after = asyncio.run(run())
    assert after.reasons == ["the pipeline's process does not answer"]
