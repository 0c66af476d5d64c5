"""`goldpan dead-letters replay`: what can be counted by now goes into the log again, and is."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from pipeline.commands.common import (
    add_site_option,
    add_store_options,
    connect,
    site_of,
    tell,
)
from pipeline.decode import DeadLetter, Decoder
from pipeline.runtimes.embedded import Embedded, EmbeddedSettings
from pipeline.runtimes.engine import Engine
from pipeline.runtimes.patience import Patience
from pipeline.sinks.clickhouse import ClickHouseStore
from pipeline.sinks.client import Client
from pipeline.sinks.hours import add_up_hours
from pipeline.topology import TopologySettings
from schemas.records import LIVE

CHUNK = 5_000
NOT_YET_COUNTED = "(site, event_id) NOT IN (SELECT site, event_id FROM raw_events)"
"""A dead letter's record keeps no event id, so what has one has been taken in since."""

Fields = dict[str, Any]


def add_to(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action."""
    parser = actions.add_parser(
        "replay",
        help="put those back that can be counted by now; stop 'goldpan run' for it",
    )
    parser.add_argument("--reason", metavar="REASON", help="only those of this reason")
    parser.add_argument("--source", metavar="SOURCE", help="only those of this source")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_assignment,
        metavar="FIELD=VALUE",
        help="mend them first: give a field another value; may be repeated",
    )
    add_site_option(parser)
    add_store_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replay dead letters; each keeps its event id, so it counts once however often this runs."""
    site = site_of(options)
    patience = Patience(tell)
    settings = TopologySettings(default_site=site.site)
    decoder = Decoder(settings.max_skew_ms)
    done, still_bad, example = 0, Counter[str](), ""
    with connect(options, patience) as client:
        engine = Engine(settings, ClickHouseStore(client), patience)
        with Embedded(EmbeddedSettings(options.data_dir), engine) as pipeline:
            pipeline.start()
            for payloads in _letters(client, options):
                good = []
                for payload in payloads:
                    mended = _mended(payload, dict(options.set))
                    verdict = decoder.decode(mended, pipeline.now())
                    if isinstance(verdict, DeadLetter):
                        still_bad[verdict.reason.value] += 1
                        example = example or verdict.detail
                    else:
                        good.append(mended)
                pipeline.publish(LIVE, good)
                done += len(good)
            pipeline.settle()
            pipeline.save_subjects()
            patience.insist(partial(add_up_hours, client))
    print(f"{done:,} dead letters were put back and are counted")
    if still_bad:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(still_bad.items()))
        print(f"still bad: {reasons}; the first: {example}")
    return 0


def _letters(client: Client, options: argparse.Namespace) -> Iterator[Sequence[bytes]]:
    """The payloads of dead letters that were not taken in since, in their order, in chunks."""
    place, generation = (-1, -1, -1), "(shard, generation, offset)"
    while True:
        rows = client.execute(
            f"SELECT shard, generation, offset, payload FROM dead_letters FINAL "
            f"WHERE {generation} > %(place)s AND {NOT_YET_COUNTED} "
            "AND (%(reason)s = '' OR reason = %(reason)s) "
            "AND (%(source)s = '' OR source = %(source)s) "
            f"ORDER BY {generation} LIMIT {CHUNK}",
            {"place": place, "reason": options.reason or "", "source": options.source or ""},
        )
        if not rows:
            return
        place = rows[-1][:3]
        yield [row[3] if isinstance(row[3], bytes) else row[3].encode() for row in rows]


def _mended(payload: bytes, fields: Fields) -> bytes:
    """A payload with some fields set; as it is where it is no object, or nothing is set."""
    if not fields:
        return payload
    try:
        content = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return payload
    return msgspec.json.encode({**content, **fields})


def _assignment(text: str) -> tuple[str, object]:
    """`field=value`; a value that is JSON is that, any other a text."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        msg = f"{text!r} is not FIELD=VALUE; write, for example, queue=general"
        raise argparse.ArgumentTypeError(msg)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
