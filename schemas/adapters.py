"""How a site calls what a vendor numbers flows in, checked: queues, agents, departments, states.

It stands in the site's configuration, by adapter.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.measures import Strict

VendorId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
OurName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
OurLabel = Annotated[str, StringConstraints(min_length=1, max_length=64)]
AdapterName = Literal[
    "asterisk", "connect-agent-events", "connect-records", "genesys", "zammad", "zendesk"
]
"""The adapters there are; see `pipeline.sources.adapters`."""
Names = dict[VendorId, OurName]


class AdapterNames(Strict):
    """A vendor's ids on the left, the site's own words on the right; all of it optional.

    What is not listed keeps the vendor's name, else its id.
    """

    queues: Names = Field(default_factory=dict)
    agents: Names = Field(default_factory=dict)
    departments: Names = Field(default_factory=dict)
    """What a ticket desk calls groups."""
    states: dict[VendorId, OurLabel] = Field(default_factory=dict)
    """Agent states that a site defined itself, such as `Lunch: not_ready`."""
