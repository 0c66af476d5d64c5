"""Numbered migrations flow in, a database of this version's schema flows out.

The tables are written by hand; those of added-up hours follow from the catalogue and are made anew
when it has changed.
"""

from __future__ import annotations

from pipeline.errors import StoreRefused
from pipeline.sinks.client import Client
from pipeline.sinks.hours import prepare_hours
from schemas.migrations import migrations


def schema_version(client: Client) -> int:
    """The number of the last migration that the database has; 0 for an empty one."""
    known = client.execute("EXISTS TABLE schema_migrations")
    if not known[0][0]:
        return 0
    return int(client.execute("SELECT max(version) FROM schema_migrations")[0][0])


def migrate(client: Client) -> list[str]:
    """Bring the database to this version's schema; run again, it does nothing.

    A statement that was cut off by a crash is run again: each may run twice.

    Returns:
        The names of the migrations that were applied.

    Raises:
        StoreRefused: the database has a newer schema than this version knows.
    """
    check_not_newer(client)
    have = schema_version(client)
    applied = []
    for migration in migrations():
        if migration.version <= have:
            continue
        for statement in migration.statements:
            client.execute(statement)
        client.insert(
            "schema_migrations", ("version", "name"), [[migration.version], [migration.name]]
        )
        applied.append(f"{migration.version:04d} {migration.name}")
    prepare_hours(client)
    return applied


def check_not_newer(client: Client) -> None:
    """Refuse a database that a later version of Goldpan has migrated.

    Raises:
        StoreRefused: it has a migration that this version does not know.
    """
    have, known = schema_version(client), migrations()[-1].version
    if have > known:
        msg = (
            f"{client.place} has schema {have}, this Goldpan knows {known}: "
            "install the Goldpan that migrated it, or a later one"
        )
        raise StoreRefused(msg)


def check_current(client: Client) -> None:
    """Refuse a database that is not of this version's schema.

    Raises:
        StoreRefused: it is newer, or older and has to be migrated first.
    """
    check_not_newer(client)
    have, known = schema_version(client), migrations()[-1].version
    if have < known:
        msg = f"{client.place} has schema {have}, this Goldpan needs {known}: run 'goldpan migrate'"
        raise StoreRefused(msg)
