"""What all laws share: samples so small that a made-up morning has alerts."""

from __future__ import annotations

import pytest

from pipeline.alerts import service_level


@pytest.fixture(autouse=True)
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three contacts be enough for an alert."""
    monkeypatch.setattr(service_level, "MIN_SAMPLE", 3)
