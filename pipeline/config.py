"""A site's YAML file in, its checked configuration out, or every mistake with its line and remedy.

The canonical text and its hash identify what was in force: two files that say the same have the
same hash, whatever their comments, order and spelled-out defaults.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from pipeline.errors import ConfigError
from schemas.catalogue import Catalogue, extend_catalogue, load_catalogue
from schemas.documents import DocumentError, Problem, nearest, read_document
from schemas.kafka import KafkaConfig
from schemas.mapping import TableMapping, mapping_problems
from schemas.site import SiteConfig, site_problems

MAX_BYTES = 4 * 1024 * 1024
"""More than any site needs; a log file given by mistake must not be parsed as YAML."""


@contextmanager
def _as_config_error() -> Iterator[None]:
    """Tell what is wrong with a document as a fault of the configuration."""
    try:
        yield
    except DocumentError as error:
        raise ConfigError(str(error)) from error


def load_site(path: Path) -> SiteConfig:
    """Read and check a site's configuration.

    Args:
        path: the file, or the directory that holds `site.yaml`.

    Raises:
        ConfigError: every problem, one per line, as `file:line: field: value: remedy`.
    """
    file = path / "site.yaml" if path.is_dir() else path
    return read_site(str(file), read_text(file))


def read_site(name: str, text: str) -> SiteConfig:
    """Check a site's configuration; `name` is what messages call it."""
    with _as_config_error():
        return read_document(name, text, SiteConfig, _site_problems)


def _site_problems(site: SiteConfig) -> Iterator[Problem]:
    """Yield what is wrong only when a site's parts meet, or meet the metrics."""
    yield from site_problems(site)
    yield from _unknown_variants(site)
    yield from _unknown_metrics(site)


def _unknown_variants(site: SiteConfig) -> Iterator[Problem]:
    """Yield every choice of a metric's definition that there is not."""
    for metric, variant in site.variants.items():
        try:
            load_catalogue().using({metric: variant})
        except ValueError as error:
            yield ("variants", metric), str(error)


def _unknown_metrics(site: SiteConfig) -> Iterator[Problem]:
    """Yield every target for a metric, or a definition of one, that there is not."""
    for i, target in enumerate(site.targets):
        metrics = load_catalogue().metrics
        metric_id, _, variant = target.metric.partition(":")
        metric = metrics.get(metric_id)
        place = ("targets", i, "metric")
        if metric is None:
            yield place, f"no metric {metric_id!r}; {nearest(metric_id, [*metrics])}"
        elif variant and variant not in metric.variants:
            known = nearest(variant, [*metric.variants]) if metric.variants else "it has none"
            yield place, f"{metric_id} has no variant {variant!r}; {known}"


def load_definitions(catalogue: Catalogue, path: Path) -> Catalogue:
    """Add a site's own measures and metrics to a catalogue.

    Raises:
        ConfigError: every problem of the file, one per line.
    """
    with _as_config_error():
        return extend_catalogue(catalogue, str(path), read_text(path))


def load_kafka(path: Path) -> KafkaConfig:
    """Read and check how a deployment uses Kafka.

    Raises:
        ConfigError: every problem of the file, one per line.
    """
    with _as_config_error():
        return read_document(str(path), read_text(path), KafkaConfig)


def load_mapping(path: Path) -> TableMapping:
    """Read and check how a table's columns become events.

    Raises:
        ConfigError: every problem of the file, one per line.
    """
    with _as_config_error():
        return read_document(str(path), read_text(path), TableMapping, mapping_problems)


def read_text(file: Path) -> str:
    """Read a configuration file.

    Raises:
        ConfigError: it is not there, not readable, too large or not UTF-8.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            msg = f"{file}: larger than {MAX_BYTES} bytes, so no configuration file; check the path"
            raise ConfigError(msg)
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        msg = f"{file}: no such file; see infra/site and docs/examples for files to copy"
        raise ConfigError(msg) from error
    except OSError as error:
        msg = f"{file}: cannot be read: {error.strerror}; check the path and its permissions"
        raise ConfigError(msg) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{file}:{line}: not UTF-8 text; save the file as UTF-8"
        raise ConfigError(msg) from error


def canonical_json(site: BaseModel) -> str:
    """Return a configuration as one JSON text: defaults filled in, keys sorted, no spaces."""
    content = site.model_dump(mode="json")
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_hash(site: BaseModel) -> str:
    """Return the SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(site).encode()).hexdigest()


def parse_canonical(text: str) -> SiteConfig:
    """Return the configuration that a `config.changed` event or the store carries."""
    return SiteConfig.model_validate_json(text)
