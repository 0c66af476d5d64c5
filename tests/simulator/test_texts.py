"""What callers say: in two languages, about every topic, in ever new words, without a slot left."""

from __future__ import annotations

import re

from pipeline.simulator.chance import Chance
from pipeline.simulator.phrases_en import ENGLISH
from pipeline.simulator.phrases_zh import CHINESE
from pipeline.simulator.texts import Temper, complain
from pipeline.simulator.topics import TOPICS


def test_every_topic_can_be_complained_about_in_many_words() -> None:
    chance = Chance(3, "texts")
    for topic in TOPICS:
        said = [
            complain(chance, topic.name, chance.pick(topic.products), Temper()) for _ in range(300)
        ]
        assert len({complaint.text for complaint in said}) > 200
        assert {complaint.language for complaint in said} == {"zh", "en"}
        for complaint in said:
            assert not re.search(r"[{}]", complaint.subject + complaint.text)
            # Nothing that looks like a phone, card or identity number.
            assert not re.search(r"\d{6}", complaint.text)


def test_who_threatens_says_so() -> None:
    chance = Chance(4, "texts")
    for _ in range(50):
        complaint = complain(chance, "billing", "mobile", Temper("very_strong", True, True, 3))
        threats = (CHINESE if complaint.language == "zh" else ENGLISH).threats
        assert complaint.text.endswith(threats)
        again = (CHINESE if complaint.language == "zh" else ENGLISH).again
        parts = [re.split(r"\{\w+\}", phrase)[0].strip() for phrase in again]
        assert any(part in complaint.text for part in parts)
