"""Minutes that have changed flow in, hours added up flow out: what keeps a year quick to read.

Any process may add up, at any time, also two at once: an hour is computed whole from the minutes as
they stand, and it counts as added up only to the last writing that was known before they were read.
"""

from __future__ import annotations

from pipeline.sinks.client import Client
from schemas.rollups import PENDING, Rollup, rollups
from schemas.rows import HOURS_TOUCHED

AT_ONCE = 1_000
"""Hours that one statement adds up."""
SETTLED_S = 60
"""An hour that was written to more lately is left for later where more is to come."""


def prepare_hours(client: Client) -> None:
    """Have the tables and views of added-up hours as the catalogue has them.

    A table that is missing, or of another definition, is made anew, and all its hours are pending.

    Raises:
        SinkError: the store cannot be asked, or refuses.
    """
    made: dict[str, str] = dict(
        client.execute("SELECT name, comment FROM system.tables WHERE database = currentDatabase()")
    )
    for rollup in rollups():
        if made.get(rollup.table) != rollup.mark:
            client.execute(f"DROP TABLE IF EXISTS {rollup.table}")
            client.execute(rollup.create)
            client.execute(rollup.touch_all)
        if made.get(rollup.view) != rollup.mark:
            client.execute(rollup.create_view)


def add_up_hours(client: Client, settled_s: int = 0, most: int | None = None) -> int:
    """Add up the pending hours that are over; returns how many there were.

    Args:
        client: the store.
        settled_s: leave those that were written to in so many seconds.
        most: of each family, the oldest so many at most; the rest stays pending.

    Raises:
        SinkError: the store cannot be asked, or refuses.
    """
    return sum(_add_up(client, rollup, settled_s, most) for rollup in rollups())


def _add_up(client: Client, rollup: Rollup, settled_s: int, most: int | None) -> int:
    pending = client.execute(
        f"SELECT site, toInt64(toUnixTimestamp(hour)), touched_at FROM {PENDING} "
        "WHERE family = %(family)s AND hour + 3600 <= now() "
        "AND touched_at <= now64(6) - toIntervalSecond(%(settled_s)s) "
        "ORDER BY hour, site" + (f" LIMIT {most:d}" if most is not None else ""),
        {"family": rollup.family.name, "settled_s": settled_s},
    )
    for start in range(0, len(pending), AT_ONCE):
        some = pending[start : start + AT_ONCE]
        sites, hours, touched = (list(column) for column in zip(*some, strict=True))
        client.execute(
            rollup.add_up,
            {
                "hours": tuple(zip(sites, hours, strict=True)),
                "first": min(hours),
                "end": max(hours) + 3_600,
            },
        )
        families, states = [rollup.family.name] * len(some), ["added_up"] * len(some)
        client.insert(
            HOURS_TOUCHED.name,
            (*HOURS_TOUCHED.columns, "at"),
            [sites, families, hours, states, touched],
        )
    return len(pending)
