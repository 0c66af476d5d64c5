"""`goldpan topics`: the topics of a deployment on Kafka, made or checked."""

from __future__ import annotations

import argparse

from pipeline.commands.common import add_kafka_options, cluster_of
from pipeline.log import topics


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("topics", help="make or check a deployment's topics on Kafka")
    parser.add_argument(
        "action",
        choices=("create", "check"),
        help="make what is missing and set what differs; or only say so",
    )
    add_kafka_options(parser, required=True)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the topics, or say what is not as configured; 1 if something is not."""
    cluster = cluster_of(options)
    if options.action == "create":
        for done in topics.create(cluster):
            print(done)
    problems = topics.compare(cluster).sentences(cluster.topics.shards)
    for problem in problems:
        print(problem)
    if not problems:
        names = ", ".join(topics.wanted(cluster.topics))
        print(f"as configured, with {cluster.topics.shards} partitions each: {names}")
    return 1 if problems else 0
