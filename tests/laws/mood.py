"""How unreliable the sources of a made-up morning are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mood:
    """How unreliable sources are: the share of events that this happens to."""

    late: float = 0.1
    duplicate: float = 0.1
    correct: float = 0.1
    raise_version: float = 0.1
    lose: float = 0.1
    garble: float = 0.02
    disorder: float = 0.1
    circle: float = 0.02
    move: float = 0.05


TIDY = Mood(0, 0, 0, 0, 0, 0, 0, 0, 0)
