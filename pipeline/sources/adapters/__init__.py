"""Vendors' records flow in, our events flow out: one adapter a module, all of them listed here."""

from __future__ import annotations

from typing import Final

from pipeline.sources.adapters.adapter import Adapter, Reading, Sender
from pipeline.sources.adapters.asterisk import ASTERISK
from pipeline.sources.adapters.connect_agents import CONNECT_AGENT_EVENTS
from pipeline.sources.adapters.connect_records import CONNECT_RECORDS
from pipeline.sources.adapters.genesys import GENESYS
from pipeline.sources.adapters.zammad import ZAMMAD
from pipeline.sources.adapters.zendesk import ZENDESK

ADAPTERS: Final = {
    adapter.name: adapter
    for adapter in (ASTERISK, CONNECT_AGENT_EVENTS, CONNECT_RECORDS, GENESYS, ZAMMAD, ZENDESK)
}
"""Every adapter by its name. A new vendor is a module, a test, and its line here."""

__all__ = ["ADAPTERS", "Adapter", "Reading", "Sender"]
