"""Options that several commands share flow in, the store and site that they name flow out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from infra import clickhouse
from pipeline.config import load_kafka, load_site
from pipeline.errors import ConfigError, StoreRefused, StoreUnavailable
from pipeline.log.cluster import Cluster
from pipeline.report import parse_moment
from pipeline.runtimes.patience import Patience
from pipeline.sinks.client import SILENT_S, Client
from pipeline.sinks.migrate import check_current, migrate
from schemas.kafka import KafkaConfig
from schemas.site import SiteConfig

EXAMPLE_SITE = Path(__file__).resolve().parents[2] / "infra" / "site" / "site.yaml"


def default_data_dir() -> Path:
    """Where data lies unless told otherwise: `goldpan` under the user's XDG data home."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "goldpan"


def add_data_dir_option(parser: argparse.ArgumentParser) -> None:
    """Add `--data-dir`."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=default_data_dir(),
        metavar="DIR",
        help="where log and embedded store lie (default: %(default)s)",
    )


def _address(text: str) -> str:
    """A store's address as typed, or as the file after an @ has it: so no password is typed."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{text[1:]} cannot be read ({error}): check the path and who may read it"
        raise argparse.ArgumentTypeError(msg) from error


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Add `--data-dir` and `--clickhouse`."""
    add_data_dir_option(parser)
    parser.add_argument(
        "--clickhouse",
        type=_address,
        metavar="URL",
        help="use this server instead of the embedded one: clickhouse://user:pw@host:port/db, or "
        "@FILE for a file that holds that",
    )
    parser.add_argument(
        "--database",
        metavar="NAME",
        help="another database of the store, such as one that 'goldpan replay' made",
    )


def add_site_option(parser: argparse.ArgumentParser) -> None:
    """Add `--site`."""
    parser.add_argument(
        "--site",
        type=Path,
        default=EXAMPLE_SITE,
        metavar="FILE",
        help="the site's configuration (default: the example centre, infra/site/site.yaml)",
    )


def add_kafka_options(
    parser: argparse.ArgumentParser,
    *,
    required: bool,
    goals: argparse._MutuallyExclusiveGroup | None = None,
) -> None:
    """Add `--kafka`, as one of several `goals` where there are any, and `--kafka-config`."""
    (goals or parser).add_argument(
        "--kafka",
        metavar="HOST:PORT",
        required=required,
        help="the Kafka cluster; several addresses with commas",
    )
    parser.add_argument(
        "--kafka-config",
        type=Path,
        metavar="FILE",
        help="login, TLS and topics (default: no login, no TLS, 8 partitions, no prefix)",
    )


def cluster_of(options: argparse.Namespace) -> Cluster:
    """The cluster that `--kafka` and `--kafka-config` name."""
    file = options.kafka_config
    return Cluster(options.kafka, load_kafka(file) if file else KafkaConfig(format=1))


def site_of(options: argparse.Namespace) -> SiteConfig:
    """The site that `--site` names, checked."""
    return load_site(options.site)


def embedded_url(directory: Path) -> Callable[[], str]:
    """Gives the embedded server's address, starting it whenever it does not run."""

    def url() -> str:
        try:
            return clickhouse.start(directory).url
        except clickhouse.NotReadyError as error:
            raise StoreUnavailable(str(error)) from error
        except clickhouse.EmbeddedServerError as error:
            raise StoreRefused(str(error)) from error

    return url


def connect(
    options: argparse.Namespace, patience: Patience | None = None, timeout_s: float = SILENT_S
) -> Client:
    """A connection to the store that the options name, with this version's schema.

    The embedded store is brought up to date by itself; a server only by `goldpan migrate`. A store
    that cannot be reached at all is refused at once; one that breaks off later is waited for, where
    there is `patience`. A query may be silent for `timeout_s`.

    Raises:
        SinkError: it cannot be reached, or its schema does not fit.
    """
    client = Client(store_url(options), timeout_s)
    fit = partial(migrate if options.clickhouse is None else check_current, client)
    try:
        client.execute("SELECT 1")
        if patience is None:
            fit()
        else:
            patience.insist(fit)
    except BaseException:
        client.close()
        raise
    return client


def unchecked(options: argparse.Namespace) -> Client:
    """A connection to the store that the options name, whatever its schema."""
    return Client(store_url(options))


def store_url(options: argparse.Namespace) -> Callable[[], str]:
    """Gives the address of the store that the options name; starts the embedded one."""
    url = embedded_url(options.data_dir / "clickhouse")
    if options.clickhouse is not None:
        address: str = options.clickhouse
        url = partial(str, address)
    return url if options.database is None else of_database(url, options.database)


def of_database(url: Callable[[], str], name: str) -> Callable[[], str]:
    """Gives the address of another database of the same store."""
    return lambda: urlsplit(url())._replace(path=f"/{name}").geturl()


def whole_minute_ms(text: str | None, zone: str) -> int | None:
    """A local date or time as epoch ms; None where none is given.

    Raises:
        ConfigError: it is neither, or lies within a minute.
    """
    if not text:
        return None
    moment = parse_moment(text, zone)
    if moment.second or moment.microsecond:
        msg = f"{text}: rows are kept by minute, so name whole minutes"
        raise ConfigError(msg)
    return round(moment.timestamp() * 1000)


def tell(sentence: str) -> None:
    """Say something beside the result."""
    print(sentence, file=sys.stderr)
