"""An address and a configuration go in, Kafka clients' options and plain errors come out.

The clients themselves say only that they could not begin; why, they write into their log. So that
log is read: a wrong password is not the same as no broker.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import BrokerError, BrokerRefused, BrokerUnavailable, ConfigError
from schemas.kafka import KafkaConfig, KafkaTopics

with warnings.catch_warnings():
    # On import it calls a function of importlib that Python 3.11 and 3.12 call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
    from kafka import errors as kafka_errors
    from kafka.admin import ConfigResource, ConfigResourceType
    from kafka.errors import CoordinatorNotAvailableError, KafkaTimeoutError

__all__ = [
    "Cluster",
    "ConfigResource",
    "ConfigResourceType",
    "CoordinatorNotAvailableError",
    "KafkaConsumer",
    "KafkaProducer",
    "KafkaTimeoutError",
    "TopicPartition",
]

MAX_RECORD = 10 << 20
"""The largest record in bytes: that of the embedded log, with its key and headers."""
_RECONNECT_MS = 1_000
"""A broker that comes back is found so soon; the clients' own 30 s are long for a caller."""
_TIMEOUTS = (KafkaTimeoutError, kafka_errors.RequestTimedOutError)
_REFUSALS = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
)
_PASSING = (
    kafka_errors.RetriableError,
    # The broker has forgotten the producer, which asks it for a new number by itself.
    kafka_errors.InvalidProducerEpochError,
    kafka_errors.OutOfOrderSequenceNumberError,
    kafka_errors.UnknownProducerIdError,
)


@dataclass(frozen=True)
class Cluster:
    """A Kafka cluster as a deployment uses it.

    `servers` is host:port, or several with commas; a broker may take `connect_ms` for its first
    answer.
    """

    servers: str
    config: KafkaConfig
    connect_ms: int = 10_000

    def __post_init__(self) -> None:
        for server in self.servers.split(","):
            host, _, port = server.rpartition(":")
            if not re.fullmatch(r"[^\s:/@]+|\[[0-9a-f:]+\]", host) or not _is_port(port):
                msg = f"--kafka: {server!r} is no address: write host:port, several with commas"
                raise ConfigError(msg)

    @property
    def topics(self) -> KafkaTopics:
        """The deployment's topics."""
        return self.config.topics

    def options(self) -> dict[str, Any]:
        """What every client of kafka-python takes.

        Raises:
            ConfigError: a file of the configuration cannot be read.
        """
        login, tls = self.config.login, self.config.tls
        protocol = ("SASL_" if login else "") + ("SSL" if tls else "PLAINTEXT")
        options: dict[str, Any] = {
            "bootstrap_servers": self.servers.split(","),
            "bootstrap_timeout_ms": self.connect_ms,
            "reconnect_backoff_max_ms": _RECONNECT_MS,
            "client_id": "goldpan",
            "security_protocol": protocol,
        }
        if login:
            options["sasl_mechanism"] = login.mechanism
            options["sasl_plain_username"] = login.user
            options["sasl_plain_password"] = secret(login.password_file)
        if tls:
            options["ssl_cafile"] = tls.ca_file
            options["ssl_certfile"] = tls.cert_file
            options["ssl_keyfile"] = tls.key_file
        return options

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """A client that looks at topics and makes them.

        Raises:
            BrokerUnavailable: no broker answers.
            BrokerRefused: it answers no.
        """
        with self.plainly():
            client = KafkaAdminClient(**self.options())
            try:
                yield client
            finally:
                client.close()

    @contextmanager
    def plainly(self) -> Iterator[None]:
        """Have whatever a client raises told in one sentence."""
        reasons = _Reasons()
        logger = logging.getLogger("kafka")
        logger.addHandler(reasons)
        try:
            yield
        except kafka_errors.KafkaError as error:
            raise self.plain_error(error, reasons.last) from error
        finally:
            logger.removeHandler(reasons)

    def plain_error(self, error: BaseException, reason: BaseException | None = None) -> BrokerError:
        """One sentence for an error, with the reason that the client's log gave for it."""
        place = f"Kafka at {self.servers}"
        if isinstance(error, _REFUSALS):
            reason = error
        # A broker that knows no such user hangs up, and the clients take that for an outage.
        if isinstance(reason, _REFUSALS) or (self.config.login and _hung_up(reason)):
            user = f"user {self.config.login.user!r}" if self.config.login else "anybody"
            return BrokerRefused(
                f"{place} does not let {user} in ({_said(reason)}): check the login in the file "
                "that --kafka-config names, and the password file that it names"
            )
        if isinstance(error, kafka_errors.MessageSizeTooLargeError):
            return BrokerRefused(
                f"{place}: a topic refuses a record for its size: 'goldpan topics create' sets "
                "what it has to take (max.message.bytes); nothing that was acknowledged is lost"
            )
        if isinstance(error, _PASSING):
            return BrokerUnavailable(
                f"{place} cannot be reached ({_said(reason or error)}): check that it runs, the "
                "address in --kafka, and whether it wants a login or TLS, which are in the file of "
                "--kafka-config"
            )
        return BrokerRefused(f"{place}: {_said(error)}")


class _Reasons(logging.Handler):
    """Keeps the last error that a client logged; a refusal stays."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for value in record.args if isinstance(record.args, tuple) else ():
            if isinstance(value, kafka_errors.KafkaError) and _tells(value) >= _tells(self.last):
                self.last = value


def _tells(reason: BaseException | None) -> int:
    """How much a reason says of why there is no connection."""
    if isinstance(reason, _REFUSALS):
        return 3
    if isinstance(reason, _TIMEOUTS):
        return 1
    return 0 if reason is None else 2


def _hung_up(reason: BaseException | None) -> bool:
    return isinstance(reason, kafka_errors.KafkaConnectionError) and "disconnected" in str(reason)


def secret(file: str) -> str:
    """A password as a file holds it, without the end of its line.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return Path(file).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"password_file: {file} cannot be read ({error}): check the path and who may read it"
        raise ConfigError(msg) from error


def _said(error: BaseException | None) -> str:
    """What a client's error says, without the request that it quotes."""
    if isinstance(error, _TIMEOUTS):
        return "no answer in time"
    text = str(error)
    told = re.search(r"error_message='([^']*)'", text)
    if told:
        return told[1]
    said = re.sub(r"^(\[Error \d+\] )?(\w+: )?", "", text.partition("\n")[0])[:300]
    return said or type(error).__name__


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65_536
