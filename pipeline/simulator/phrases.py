"""The parts of which complaints are made: what a language has to offer flows in, one table out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """One language's parts; `{...}` are slots that `texts` fills.

    Attributes:
        products: names by the product of an event.
        subjects: headlines by topic.
        problems: what happened, by topic; without a full stop.
        demands: what is wanted, by demand; without a full stop.
        again: that it is not the first time.
        comments: what is said to a survey, by rating, 1 to 5.
    """

    products: Mapping[str, str]
    places: tuple[str, ...]
    times: tuple[str, ...]
    openings: tuple[str, ...]
    subjects: Mapping[str, tuple[str, ...]]
    problems: Mapping[str, tuple[str, ...]]
    demands: Mapping[str, tuple[str, ...]]
    anger: tuple[str, ...]
    again: tuple[str, ...]
    urgent: tuple[str, ...]
    threats: tuple[str, ...]
    closings: tuple[str, ...]
    comments: tuple[tuple[str, ...], ...]
