"""Every error that Goldpan raises on purpose, as one tree.

GoldpanError                 something a person can act on: the message says what, where and how
├── ConfigError              the site's configuration, a command's arguments, the environment
├── InputError               a file or stream that cannot be read on
│   └── TooManyBadEvents     more than the allowed share of a run became dead letters
├── LogError                 the embedded log
│   ├── LogInUse             another process holds the data directory
│   ├── LogFull              the disk takes no more; nothing of the last group was kept
│   └── LogCorrupt           bytes inside the log, not at its torn tail, fail their checksum
├── SinkError                the store
│   ├── StoreUnavailable     an outage: try again
│   └── StoreRefused         an answer that trying again will not change
└── BrokerError              Kafka
    ├── BrokerUnavailable    an outage: try again
    └── BrokerRefused        an answer that trying again will not change

Bad data is never an exception: it becomes a dead letter. A bug is any other exception.
"""

from __future__ import annotations


class GoldpanError(Exception):
    """Root of the errors that are shown to a person as one plain sentence."""


class ConfigError(GoldpanError):
    """A setting is missing, unknown or impossible."""


class InputError(GoldpanError):
    """A source cannot be read on; what was read before stays ingested."""


class TooManyBadEvents(InputError):
    """The dead-letter share of a run went over its limit."""


class LogError(GoldpanError):
    """The embedded log cannot do what was asked."""


class LogInUse(LogError):
    """Another process holds the log."""


class LogFull(LogError):
    """No space: the whole group since the last commit was undone and may be offered again."""


class LogCorrupt(LogError):
    """A record inside the log fails its checksum, so what follows cannot be trusted."""


class SinkError(GoldpanError):
    """The store did not take or give what was asked."""


class StoreUnavailable(SinkError):
    """The store cannot be reached or is restarting; the same call may work later."""


class StoreRefused(SinkError):
    """The store answered no: wrong password, unknown table, a newer schema."""


class BrokerError(GoldpanError):
    """Kafka did not take or give what was asked."""


class BrokerUnavailable(BrokerError):
    """No broker can be reached, or it is restarting; the same call may work later."""


class BrokerRefused(BrokerError):
    """The broker answered no: wrong password, unknown topic, a record that is too large."""
