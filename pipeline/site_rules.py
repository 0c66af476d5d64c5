"""A site's configuration, as it entered the log, flows in; what the core needs of it flows out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from zoneinfo import ZoneInfo

from pipeline.operators.contacts import ContactRules, QueueRules
from schemas.site import SiteConfig


@dataclass(frozen=True, slots=True)
class SiteRules:
    """One version of a site's rules; `version` is the hash of the configuration's content.

    `targets` are service-level targets in percent, by queue; `target` is that of all others.
    """

    version: str = ""
    contacts: ContactRules = ContactRules()
    target: float = 80.0
    targets: Mapping[str, float] = MappingProxyType({})

    def target_of(self, queue: str) -> float:
        """The service-level target of that queue, percent."""
        return self.targets.get(queue, self.target)
