"""An address goes in; whether a Kafka broker answers there comes out, by a real request."""

from __future__ import annotations

import logging
import warnings

with warnings.catch_warnings():
    # On import it calls a function of importlib that Python 3.11 and 3.12 call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

# The client logs every refused connection; here that is an answer.
logging.getLogger("kafka").addHandler(logging.NullHandler())


def answers(address: str, cluster_id: str, timeout_s: float) -> bool:
    """Whether the broker of this cluster is there and has a controller."""
    milliseconds = int(timeout_s * 1000)
    try:
        client = KafkaAdminClient(
            bootstrap_servers=address,
            bootstrap_timeout_ms=milliseconds,
            request_timeout_ms=milliseconds,
        )
    except KafkaError:
        return False
    try:
        cluster = client.describe_cluster()
        return bool(cluster["brokers"]) and cluster["cluster_id"] == cluster_id
    except KafkaError:
        return False
    finally:
        client.close()
