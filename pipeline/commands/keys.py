"""`goldpan keys add|list|revoke|rotate`: who may send events, and until when."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.commands.common import add_data_dir_option, tell
from pipeline.config import read_text
from pipeline.errors import ConfigError
from pipeline.gateway.first_start import KEYS
from pipeline.gateway.keys import ANY, Key, digest, new_token, read_keys, write_keys


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("keys", help="decide who may send events to 'goldpan run'")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a key; it is shown this once")
    add.add_argument("name", metavar="NAME", help="of whoever gets it: small letters, digits, -")
    add.add_argument("--site", default=ANY, help="the only site it may write (default: any)")
    add.add_argument("--source", default=ANY, help="the only source it may write (default: any)")
    add.add_argument(
        "--days", type=_positive, metavar="N", help="valid so long (default: for ever)"
    )
    add.add_argument(
        "--rate", type=_positive, metavar="N", help="events a second (default: the gateway's)"
    )
    add.add_argument(
        "--signing-secret-file",
        type=Path,
        metavar="FILE",
        help="holds what the vendor signs its webhooks with; they are checked then",
    )
    add.set_defaults(run=run_add)
    listing = actions.add_parser("list", help="all keys, without what makes them work")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", help="end a key within a second")
    revoke.add_argument("name", metavar="NAME", help="as 'list' shows it")
    revoke.set_defaults(run=run_revoke)
    rotate = actions.add_parser("rotate", help="make a second key of that name, and end the first")
    rotate.add_argument("name", metavar="NAME", help="as 'list' shows it")
    rotate.add_argument(
        "--hours",
        type=_positive,
        default=24,
        metavar="N",
        help="how long the old one stays valid beside the new (default: %(default)s)",
    )
    rotate.set_defaults(run=run_rotate)
    for action in (add, listing, revoke, rotate):
        add_data_dir_option(action)


def run_add(options: argparse.Namespace) -> int:
    """Make a key of a new name."""
    path = options.data_dir / KEYS
    keys = read_keys(path)
    if any(key.name == options.name for key in keys):
        msg = f"there is a key {options.name!r} already; 'goldpan keys rotate' makes it anew"
        raise ConfigError(msg)
    for field, value in (("--site", options.site), ("--source", options.source)):
        if not 1 <= len(value) <= 64:
            msg = f"{field} is {value!r}; it must have 1 to 64 characters"
            raise ConfigError(msg)
    token, now = new_token(options.name), _now()
    key = Key(
        name=options.name,
        sha256=digest(token),
        site=options.site,
        source=options.source,
        created_at=now,
        expires_at=now + timedelta(days=options.days) if options.days else None,
        events_per_second=options.rate,
        signing_secret=_secret(options.signing_secret_file),
    )
    write_keys(path, (*keys, key))
    _show(key, token)
    return 0


def run_list(options: argparse.Namespace) -> int:
    """Show every key."""
    keys, now = read_keys(options.data_dir / KEYS), _now()
    if not keys:
        print("no keys; 'goldpan keys add NAME' makes one")
        return 0
    table = Table("name", "site", "source", "made (UTC)", "valid until (UTC)")
    for key in keys:
        until = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "for ever"
        until += "" if key.valid(now) else ", expired"
        table.add_row(key.name, key.site, key.source, f"{key.created_at:%Y-%m-%d %H:%M}", until)
    Console().print(table)
    return 0


def run_revoke(options: argparse.Namespace) -> int:
    """Forget all keys of a name."""
    path = options.data_dir / KEYS
    _named(read_keys(path), options.name)
    write_keys(path, (key for key in read_keys(path) if key.name != options.name))
    print(f"revoked; 'goldpan run' refuses {options.name} from the next second on")
    return 0


def run_rotate(options: argparse.Namespace) -> int:
    """Make a key with the rights of the newest of its name; the others expire."""
    path = options.data_dir / KEYS
    keys, now = read_keys(path), _now()
    newest = _named(keys, options.name)[-1]
    token, last = new_token(options.name), now + timedelta(hours=options.hours)
    ending = (
        key.model_copy(update={"expires_at": min(key.expires_at or last, last)})
        if key.name == options.name
        else key
        for key in keys
    )
    life = newest.expires_at - newest.created_at if newest.expires_at else None
    fresh = newest.model_copy(
        update={
            "sha256": digest(token),
            "created_at": now,
            "expires_at": now + life if life else None,
        }
    )
    write_keys(path, (*ending, fresh))
    _show(fresh, token)
    return 0


def _show(key: Key, token: str) -> None:
    """Print a key, and beside it, for people, what it is for."""
    site, source = (
        f"any {what}" if one == ANY else f"{what} {one}"
        for what, one in (("site", key.site), ("source", key.source))
    )
    until = (
        f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "until it is revoked"
    )
    tell(
        f"Shown this once: the key of {key.name}, for events of {site} and {source}, {until}. "
        "Its holder sends it with every request to 'goldpan run':\n"
        "  curl http://127.0.0.1:8400/v1/events -H 'Authorization: Bearer KEY' "
        "-H 'Content-Type: application/x-ndjson' --data-binary @events.jsonl"
    )
    print(token)


def _secret(path: Path | None) -> str | None:
    if path is None:
        return None
    secret = read_text(path).strip()
    if not 8 <= len(secret) <= 500:
        msg = f"{path}: holds {len(secret)} characters; a vendor's signing secret has 8 to 500"
        raise ConfigError(msg)
    return secret


def _named(keys: tuple[Key, ...], name: str) -> list[Key]:
    found = [key for key in keys if key.name == name]
    if not found:
        msg = f"there is no key {name!r}; see 'goldpan keys list'"
        raise ConfigError(msg)
    return found


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 1_000_000:
        msg = f"{text!r} is not a number from 1 to 1000000"
        raise argparse.ArgumentTypeError(msg)
    return number
