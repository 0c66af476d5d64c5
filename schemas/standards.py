"""What a centre has agreed on for its complaints, as people write it: reference data, checked.

What a ticket is measured against that no event can tell: which outcomes a category may have, what
may be paid without asking, by which ways a ticket may go, which severities are serious.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from schemas.measures import Strict

Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Amount = Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)]
Stage = Literal[
    "received",
    "registered",
    "dispatched",
    "accepted",
    "resolved",
    "followed_up",
    "closed",
    "returned",
    "reopened",
]
"""What a ticket goes through until it is closed, by the names of its events."""


def _ends_closed(path: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if path[-1] != "closed":
        msg = "a path ends with 'closed', for a ticket's way is judged when it is closed; add it"
        raise ValueError(msg)
    return path


Path = Annotated[
    tuple[Stage, ...], Field(min_length=1, max_length=20), AfterValidator(_ends_closed)
]


class Standards(Strict):
    """The agreements of one centre; a metric that lacks its own has no value."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "CNY"
    """ISO 4217; compensation in another one is counted apart and never added up with this one."""
    authority: Annotated[dict[Label, Amount], Field(max_length=100)] = Field(default_factory=dict)
    """What may be paid without asking, in `currency`, by handler level."""
    outcomes: Annotated[
        dict[Name, Annotated[tuple[Name, ...], Field(min_length=1, max_length=50)]],
        Field(max_length=1000),
    ] = Field(default_factory=dict)
    """The standard outcomes of a category; the narrowest name that is listed counts."""
    paths: Annotated[tuple[Path, ...], Field(max_length=20)] = ()
    """The ways that a ticket may go; what none of them names is not looked at."""
    serious: Annotated[tuple[Label, ...], Field(min_length=1, max_length=20)] = (
        "serious",
        "critical",
    )
    """The severities that make a complaint a serious one."""
    service_errors: Annotated[tuple[Name, ...], Field(max_length=100)] = ("service_error",)
    """The root causes and causing parties that are errors of the centre's own service."""
