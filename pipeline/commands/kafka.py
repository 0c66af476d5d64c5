"""`goldpan kafka`: a local Kafka broker's life, for developing and for trying things out."""

from __future__ import annotations

import argparse

from infra import kafka
from pipeline.commands.common import add_data_dir_option
from pipeline.errors import BrokerRefused


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("kafka", help="start, stop or look at a local Kafka broker")
    parser.add_argument(
        "action", choices=("start", "stop", "status"), help="it runs on until it is stopped"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="for clients; 0: as before, or any free one"
    )
    add_data_dir_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Start, stop or show the local broker."""
    directory = options.data_dir / "kafka"
    try:
        if options.action == "stop":
            stopped = kafka.stop(directory)
            print("stopped" if stopped else f"no broker runs in {directory}")
            return 0
        broker = (
            kafka.start(directory, port=options.port)
            if options.action == "start"
            else kafka.status(directory)
        )
    except kafka.BrokerError as error:
        raise BrokerRefused(str(error)) from error
    if broker is None:
        print(f"no broker runs in {directory}; 'goldpan kafka start' starts it")
        return 1
    print(f"Kafka at {broker.address}, process {broker.pid}")
    print(
        f"with a login (SASL/PLAIN) at {broker.host}:{broker.sasl_port}; user {broker.user}, the "
        "password is in broker.json"
    )
    print(f"data in {broker.path}")
    return 0
