"""How often a law is tried: some examples, ever the same, or `LAWS=20` times as many new ones."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("LAWS", "0"))


def tried(examples: int) -> settings:
    """A law's settings: so many examples, times what the environment asks for."""
    return settings(
        max_examples=examples * max(TIMES, 1),
        derandomize=not TIMES,
        database=None,
        deadline=None,
        print_blob=False,
        phases=(Phase.explicit, Phase.generate),  # seeds do not shrink
        suppress_health_check=list(HealthCheck),
    )
