"""A number flows in, who calls flows out: identity, region, and the matter they call about."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Literal

from pipeline.simulator.chance import Chance
from pipeline.simulator.plan import VIP_SHARE
from pipeline.simulator.topics import REGIONS, Topic

Channel = Literal["phone", "chat", "wechat", "email", "social"]
_PER_CALL: Final = 60
"""Customers per daily contact."""


@dataclass(slots=True)
class Caller:
    """A customer, or a number that nobody knows; withheld where `identity` is empty."""

    number: int
    region: str
    vip: bool
    identity: str
    """Fields of every event, as JSON that ends with a comma."""
    escalated: bool = False
    """Has been to a regulator or the press before."""

    @property
    def known(self) -> int | None:
        """The number, if it is not withheld."""
        return self.number if self.identity else None


@dataclass(slots=True)
class Matter:
    """What somebody calls about, until it is settled.

    Attributes:
        times: how often they have called or written about it.
        complaint: whether they complain by now, instead of asking.
        contacts: the contacts so far.
        ticket: the ticket that is open about it.
    """

    caller: Caller
    topic: Topic
    product: str
    complaint: bool
    channel: Channel
    times: int = 1
    incident: bool = False
    """That an outage is behind it, which no agent can mend."""
    ticket: object | None = field(default=None, repr=False)


class Callers:
    """All customers of the enterprise."""

    def __init__(self, seed: int, per_day: int) -> None:
        self._seed = seed
        self.number = _PER_CALL * per_day

    def anybody(self, chance: Chance) -> Caller:
        """Return a customer, or one of the few who withhold their number."""
        number = int(chance.random() * self.number)
        return Caller(
            number,
            REGIONS[number % len(REGIONS)],
            number % 1000 < 1000 * VIP_SHARE,
            "" if chance.random() < 0.04 else self._identity(number),
            number % 211 == 0,
        )

    def _identity(self, number: int) -> str:
        phone = blake2b(f"{self._seed}:{number}".encode(), digest_size=12).hexdigest()
        known = f'"customer_id":"C{number:07d}",' if number % 10 < 8 else ""
        return f'{known}"phone_hash":"{phone}",'
