"""Topics on a real broker: made, checked, and never given other partitions; refusals are plain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infra import kafka
from pipeline.__main__ import main
from pipeline.errors import BrokerRefused, BrokerUnavailable, ConfigError
from pipeline.log.cluster import Cluster
from pipeline.log.topics import compare, create, existing, wanted
from schemas.kafka import KafkaConfig, KafkaTopics
from tests.kafka.conftest import Configure


def test_what_is_missing_is_made_and_what_differs_is_set(configured: Configure) -> None:
    cluster = configured(shards=2)
    names = [cluster.topics.prefix + name for name in ("events", "partials")]
    assert compare(cluster).missing == names
    assert create(cluster) == [f"created {name} with 2 partitions" for name in names]
    assert create(cluster) == []
    found = existing(cluster)
    assert {topic.partitions for topic in found.values()} == {2}
    assert len({topic.identity for topic in found.values()}) == 2

    changed = configured(shards=2, compression="uncompressed", retention_days={"events": 3})
    said = compare(changed).sentences(2)
    assert said[0] == (
        f"topic {names[0]} has not compression.type=uncompressed, retention.ms=259200000: "
        "'goldpan topics create' sets it"
    )
    assert len(create(changed)) == 2
    assert existing(changed)[names[0]].settings["retention.ms"] == str(3 * 24 * 3_600_000)
    assert existing(changed)[names[0]].identity == found[names[0]].identity
    assert compare(changed).sentences(2) == []


def test_another_number_of_partitions_is_refused(configured: Configure) -> None:
    create(configured(shards=2))
    more = configured(shards=4)
    with pytest.raises(BrokerRefused, match=r"events has 2 partitions.*topics\.shards to 2; or"):
        create(more)
    assert {topic.partitions for topic in existing(more).values()} == {2}
    assert len(compare(more).counts) == 2


def test_what_the_broker_refuses_is_said_in_its_words(configured: Configure) -> None:
    with pytest.raises(BrokerRefused, match="replication factor of 3 cannot be reached"):
        create(configured(shards=2, replication=3))


@pytest.mark.usefixtures("refusals")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket")
def test_no_broker_and_a_wrong_address_are_told_apart() -> None:
    config = KafkaConfig(format=1)
    with pytest.raises(BrokerUnavailable, match=r"localhost:1 cannot be reached \(.*REFUSED\)"):
        compare(Cluster("localhost:1", config, connect_ms=300))
    for servers in ("localhost", "localhost:", "local host:9092", "a:1,b", "kafka://a:9092"):
        with pytest.raises(ConfigError, match="is no address: write host:port"):
            Cluster(servers, config)


def login(password_file: Path, mechanism: str = "PLAIN") -> KafkaConfig:
    user = {"user": "goldpan", "password_file": str(password_file), "mechanism": mechanism}
    return KafkaConfig.model_validate({"format": 1, "login": user})


@pytest.mark.usefixtures("refusals")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket")
def test_a_login_opens_and_a_wrong_one_is_said(broker: kafka.Broker, tmp_path: Path) -> None:
    place, password = f"{broker.host}:{broker.sasl_port}", tmp_path / "password"
    password.write_text(broker.password + "\n")
    assert compare(Cluster(place, login(password))).missing
    password.write_text("wrong")
    with pytest.raises(BrokerRefused, match=r"not let user 'goldpan' in .*: check the login"):
        compare(Cluster(place, login(password), connect_ms=2_000))
    with pytest.raises(BrokerRefused, match=r"not let user 'goldpan' in .*: check the login"):
        compare(Cluster(place, login(password, "SCRAM-SHA-512"), connect_ms=2_000))
    with pytest.raises(BrokerUnavailable, match="whether it wants a login or TLS"):
        compare(Cluster(place, KafkaConfig(format=1), connect_ms=500))
    with pytest.raises(ConfigError, match=r"password_file: .*nowhere cannot be read"):
        compare(Cluster(place, login(tmp_path / "nowhere")))


def test_every_topic_is_acknowledged_by_all_replicas_but_one() -> None:
    for replication, least in ((1, "1"), (2, "1"), (3, "2")):
        for topic in wanted(KafkaTopics(replication=replication)).values():
            assert topic.settings["min.insync.replicas"] == least


def test_the_command_says_what_is_and_fails_if_something_is_not(
    configured: Configure,
    config_file: Callable[[Cluster], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = configured(shards=3)
    place = ["--kafka", cluster.servers, "--kafka-config", str(config_file(cluster))]
    assert main(["topics", "check", *place]) == 1
    said = capsys.readouterr().out.splitlines()
    assert (
        said[0]
        == f"topic {cluster.topics.prefix}events is missing: 'goldpan topics create' makes it"
    )
    assert main(["topics", "create", *place]) == 0
    assert "as configured, with 3 partitions each" in capsys.readouterr().out
    config_file(cluster).write_text("format: 1\ntopics: {shard: 3}\n")
    assert main(["topics", "check", *place]) == 1
    assert "kafka.yaml:2: topics.shard: " in capsys.readouterr().err
