"""`goldpan db` and `goldpan migrate`: the embedded store's life, and any store's schema."""

from __future__ import annotations

import argparse

from infra import clickhouse
from pipeline.commands.common import add_data_dir_option, add_store_options, tell, unchecked
from pipeline.errors import StoreRefused
from pipeline.sinks.migrate import migrate, schema_version


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    db = commands.add_parser("db", help="start, stop or look at the embedded store")
    db.add_argument(
        "action",
        choices=("start", "stop", "status"),
        help="other commands start it by themselves; it runs on until it is stopped",
    )
    add_data_dir_option(db)
    db.set_defaults(run=run_db)
    migrations = commands.add_parser("migrate", help="bring the store to this version's schema")
    add_store_options(migrations)
    migrations.set_defaults(run=run_migrate)


def run_db(options: argparse.Namespace) -> int:
    """Start, stop or show the embedded store."""
    directory = options.data_dir / "clickhouse"
    try:
        if options.action == "stop":
            stopped = clickhouse.stop(directory)
            print("stopped" if stopped else f"no store runs in {directory}")
            return 0
        server = (
            clickhouse.start(directory)
            if options.action == "start"
            else clickhouse.status(directory)
        )
    except clickhouse.EmbeddedServerError as error:
        raise StoreRefused(str(error)) from error
    if server is None:
        print(f"no store runs in {directory}; 'goldpan db start' starts it")
        return 1
    print(f"ClickHouse (embedded) at {server.host}:{server.port}, process {server.pid}")
    print(f"data in {server.path}; the password is in its server.json")
    return 0


def run_migrate(options: argparse.Namespace) -> int:
    """Apply what migrations are missing."""
    with unchecked(options) as client:
        for name in migrate(client):
            print(f"applied {name}")
        tell(f"{client.place} has schema {schema_version(client)}")
    return 0
