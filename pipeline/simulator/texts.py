"""A complaint's matter and temper flow in, its words flow out: hardly ever twice alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from pipeline.simulator.chance import Chance, Weighted
from pipeline.simulator.phrases import Phrases
from pipeline.simulator.phrases_en import ENGLISH
from pipeline.simulator.phrases_zh import CHINESE

Language = Literal["zh", "en"]
_ENGLISH_SHARE: Final = 0.15
_DEMAND: Final = {
    "refund": Weighted([("refund", 8), ("compensate", 1), ("explain", 1)]),
    "billing": Weighted([("refund", 5), ("explain", 4), ("compensate", 1)]),
    "promotion": Weighted([("refund", 4), ("compensate", 3), ("explain", 2)]),
    "attitude": Weighted([("apologise", 8), ("explain", 1), ("compensate", 1)]),
    "network": Weighted([("repair", 6), ("explain", 2), ("compensate", 2)]),
    "": Weighted([("settle", 7), ("explain", 2), ("compensate", 1)]),
}
_DEMAND["speed"] = _DEMAND["installation"] = _DEMAND["network"]


@dataclass(frozen=True)
class Temper:
    """How somebody complains: mild, strong or furious; and what they say besides."""

    intensity: Literal["mild", "strong", "very_strong"] = "mild"
    threatens: bool = False
    urgent: bool = False
    times: int = 1
    """How often they have called about it, this time included."""


class Complaint(NamedTuple):
    """What was written down, in the caller's words."""

    language: Language
    demand: str
    subject: str
    text: str


def complain(chance: Chance, topic: str, product: str, temper: Temper) -> Complaint:
    """Say what is wrong."""
    language: Language = "en" if chance.hit(_ENGLISH_SHARE) else "zh"
    phrases = _PHRASES[language]
    demand = chance.choose(_DEMAND.get(topic, _DEMAND[""]))
    slots = _slots(chance, phrases, product, temper.times)
    subject = chance.pick(phrases.subjects[topic]).format_map(slots)
    text = _STYLES[language](chance, phrases, (topic, demand), temper).format_map(slots)
    return Complaint(language, demand, subject, text)


def comment(chance: Chance, rating: int) -> str:
    """Say why the rating, 1 to 5, is what it is."""
    language: Language = "en" if chance.hit(_ENGLISH_SHARE) else "zh"
    return chance.pick(_PHRASES[language].comments[rating - 1])


def _chinese(chance: Chance, say: Phrases, matter: tuple[str, str], temper: Temper) -> str:
    topic, demand = matter
    parts = [chance.pick(say.openings), chance.pick(say.problems[topic]), "。"]
    if chance.hit(0.3):
        parts[2:] = ["，", _another(chance, say, topic, parts[1]), "。"]
    _temper(chance, say, temper, parts)
    parts += [chance.pick(say.demands[demand]), "。"]
    return "".join(parts + _ending(chance, say, temper))


def _english(chance: Chance, say: Phrases, matter: tuple[str, str], temper: Temper) -> str:
    topic, demand = matter
    first = chance.pick(say.problems[topic])
    opening = chance.pick(say.openings)
    parts = [opening, first if opening.endswith((", ", ": ")) else _upper(first), ". "]
    if chance.hit(0.3):
        parts += [_upper(_another(chance, say, topic, first)), ". "]
    _temper(chance, say, temper, parts)
    parts += [_upper(chance.pick(say.demands[demand])), ". "]
    return "".join([*parts, " ".join(_ending(chance, say, temper))]).strip()


def _another(chance: Chance, say: Phrases, topic: str, first: str) -> str:
    """A second problem; the same again where chance wants it so is another one then."""
    problems = say.problems[topic]
    second = chance.pick(problems)
    return problems[(problems.index(second) + 1) % len(problems)] if second == first else second


def _temper(chance: Chance, say: Phrases, temper: Temper, parts: list[str]) -> None:
    if temper.times > 1:
        parts.append(chance.pick(say.again))
    if temper.intensity == "very_strong" or (temper.intensity == "strong" and chance.hit(0.5)):
        parts.append(chance.pick(say.anger))


def _ending(chance: Chance, say: Phrases, temper: Temper) -> list[str]:
    parts = [chance.pick(say.urgent)] if temper.urgent else []
    parts.append(chance.pick(say.threats if temper.threatens else say.closings))
    return parts


def _slots(chance: Chance, phrases: Phrases, product: str, times: int) -> dict[str, str]:
    return {
        "product": phrases.products[product],
        "place": chance.pick(phrases.places),
        "time": chance.pick(phrases.times),
        "amount": str(chance.between(1, 80) * 5 + chance.between(0, 1) * 4),
        "days": str(chance.between(2, 15)),
        "times": str(max(2, times)),
    }


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


_PHRASES: Final = {"zh": CHINESE, "en": ENGLISH}
_STYLES: Final = {"zh": _chinese, "en": _english}
