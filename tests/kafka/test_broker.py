"""The local broker: started once, found again, killed; each refusal is a sentence."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import kafka
from infra.kafka import jars
from infra.kafka.metadata import answers
from infra.process import Process
from pipeline.__main__ import main


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose broker is stopped afterwards."""
    yield tmp_path / "数据 dir" / "kafka"
    kafka.stop(tmp_path / "数据 dir" / "kafka")


def program(directory: Path, name: str, script: str) -> None:
    """Put a shell script on a path."""
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_broker_that_runs_is_found_and_not_started_again(broker: kafka.Broker) -> None:
    assert kafka.start(broker.path) == broker
    assert kafka.status(broker.path) == broker
    assert broker.password not in repr(broker)
    assert (broker.path / "broker.json").stat().st_mode & 0o077 == 0
    assert (broker.path / "server.properties").stat().st_mode & 0o077 == 0


def test_an_answer_of_another_cluster_is_none(broker: kafka.Broker) -> None:
    assert not answers(broker.address, "of-another-broker", 5)


def test_killed_it_starts_again_with_its_address_and_its_data(directory: Path) -> None:
    first = kafka.start(directory)
    identity = (directory / "data" / "meta.properties").read_text()
    process = Process.of(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    while process.is_alive():
        pass
    assert kafka.status(directory) is None
    again = kafka.start(directory)
    assert (again.address, again.password) == (first.address, first.password)
    assert again.pid != first.pid
    assert (directory / "data" / "meta.properties").read_text() == identity
    assert kafka.stop(directory)
    assert not kafka.stop(directory)


def test_a_port_that_is_taken_is_named(directory: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        with pytest.raises(kafka.BrokerError, match=f"port {port} .* choose another with --port"):
            kafka.start(directory, port=port)
    with pytest.raises(kafka.BrokerError, match="port 70000 does not exist"):
        kafka.start(directory, port=70_000)


def test_a_broker_that_ends_while_it_starts_shows_its_log(directory: Path) -> None:
    with pytest.raises(kafka.BrokerError, match=r"(?s)formatted; .*broker\.log ends with.*Xmx"):
        kafka.start(directory, heap_mb=-1)


def test_without_java_or_with_an_old_one_the_remedy_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(kafka.BrokerError, match="install openjdk-17-jre-headless"):
        jars.java()
    program(tmp_path / "bin", "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    with pytest.raises(kafka.BrokerError, match="java is Java 11, and the broker needs 17"):
        jars.java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(kafka.BrokerError, match=r"JAVA_HOME is .*nowhere, and there is none"):
        jars.java()


def test_without_maven_or_a_network_the_remedy_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(kafka.BrokerError, match="mvn is not on the path: install maven"):
        jars.jars()
    program(tmp_path / "bin", "mvn", "echo 'Could not transfer artifact'; exit 1")
    with pytest.raises(kafka.BrokerError, match=r"(?s)is there a network.*not transfer artifact"):
        jars.jars()
    assert list((tmp_path / "cache" / "goldpan").iterdir()) == []


def test_the_command_says_where_it_is(
    broker: kafka.Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data-dir", str(broker.path.parent)]
    assert main(["kafka", "status", *place]) == 0
    said = capsys.readouterr().out
    assert f"Kafka at {broker.address}, process {broker.pid}" in said
    assert broker.password not in said
    assert main(["kafka", "status", "--data-dir", str(tmp_path)]) == 1
    assert "'goldpan kafka start' starts it" in capsys.readouterr().out
    assert main(["kafka", "start", "--port", "70000", *place]) == 1
    assert "goldpan: port 70000 does not exist" in capsys.readouterr().err
