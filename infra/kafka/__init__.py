"""A data directory goes in, the address of a running Kafka broker comes out.

Apache Kafka as it is published, one node that is broker and controller in one (KRaft), on loopback:
for developing and for tests, and for trying production's commands without a container engine.
"""

from infra.kafka.errors import BrokerError
from infra.kafka.supervisor import Broker, start, status, stop

__all__ = ["Broker", "BrokerError", "start", "status", "stop"]
