"""`goldpan worker`: partitions of Kafka in, a consistent store out, until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import threading

from pipeline.commands.common import (
    add_kafka_options,
    add_site_option,
    add_store_options,
    cluster_of,
    connect,
    site_of,
    tell,
)
from pipeline.errors import ConfigError
from pipeline.log.groups import Member
from pipeline.runtimes.assigned import Assigned
from pipeline.runtimes.engine import calm_the_collector
from pipeline.runtimes.faust_app import AWAKE, KafkaTopics, Worker
from pipeline.runtimes.hours import HourlyStore
from pipeline.runtimes.lease import Lease
from pipeline.runtimes.patience import Patience
from pipeline.topology import TopologySettings


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("worker", help="apply what is on Kafka; start one per core")
    add_site_option(parser)
    add_store_options(parser)
    add_kafka_options(parser, required=True)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Work until a signal; 0 after a clean end."""
    if options.clickhouse is None:
        msg = "--clickhouse is missing: workers share a store, so name it"
        raise ConfigError(msg)
    cluster, site = cluster_of(options), site_of(options)
    settings = TopologySettings(cluster.topics.shards, default_site=site.site)
    stop = threading.Event()
    patience = Patience(tell, stop)
    with connect(options, patience) as client:
        lease = Lease(AWAKE * cluster.config.workers.session_seconds)
        store = HourlyStore(client, lease.check)
        member = Member.of(cluster, store.identity(), client.place)

        def host(topics: KafkaTopics) -> Assigned:
            return Assigned(settings, store, topics, patience, tell)

        async def work() -> None:
            directory = options.data_dir / "faust"
            await Worker(
                cluster, member, host, stop, lease=lease, directory=directory, tell=tell
            ).run()

        calm_the_collector()
        asyncio.run(work())
    tell("stopped")
    return 0
