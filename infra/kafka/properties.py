"""Ports and a directory go in, a broker's server.properties comes out."""

from __future__ import annotations

from pathlib import Path

HOST = "127.0.0.1"
USER = "goldpan"


def server_properties(data: Path, ports: tuple[int, int, int], password: str) -> str:
    """The configuration of one node that is broker and controller.

    It is small: few threads, few partitions of its own topics, no topic that nobody created.

    Args:
        data: where its files lie.
        ports: for clients, for clients that log in (SASL/PLAIN), and for the controller.
        password: of the only user who can log in.
    """
    plain, sasl, controller = ports
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{plain},SASL_PLAINTEXT://{HOST}:{sasl},"
        f"CONTROLLER://{HOST}:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{login} user_{USER}="{password}";',
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "broker.heartbeat.interval.ms": 1000,
        "broker.session.timeout.ms": 6000,
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 2,
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 2 << 20,
    }
    return "".join(f"{name}={_escaped(str(value))}\n" for name, value in values.items())


def _escaped(value: str) -> str:
    """As Java reads it: a backslash begins an escape, and other than ASCII must be one."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)
