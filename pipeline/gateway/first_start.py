"""A data directory flows in, the secrets that the gateway needs flow out, made where they are not.

`hash.key` turns phone numbers into hashes: with another one nobody is recognised again. `keys.yaml`
holds the API keys' hashes; `first.key` is the first of them in the open, for its owner to hand on.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.gateway.keys import ANY, Key, digest, new_token, write_keys, write_secret

KEYS = "keys.yaml"
FIRST = "first.key"
_HASH = "hash.key"
_HEX = re.compile(r"[0-9a-f]{64}")


def hash_key(directory: Path) -> bytes:
    """The key of all keyed hashes, 32 bytes.

    Raises:
        ConfigError: it cannot be read or made, or is damaged.
    """
    path = directory / _HASH
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        text = secrets.token_hex(32)
        write_secret(path, text + "\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}; restore it from a copy"
        raise ConfigError(msg) from error
    if not _HEX.fullmatch(text):
        msg = f"{path}: is not 64 hexadecimal digits; restore it from a copy"
        raise ConfigError(msg)
    return bytes.fromhex(text)


def first_key(directory: Path, site: str) -> None:
    """Make a key for every source of this site, if there is no file of keys.

    Not for every site: what is sent under a site's name with a typing error would be on no board.

    Raises:
        ConfigError: it cannot be written.
    """
    if (directory / KEYS).exists():
        return
    token = new_token("first")
    write_secret(directory / FIRST, token + "\n")
    key = Key(
        name="first",
        sha256=digest(token),
        site=site,
        source=ANY,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
    write_keys(directory / KEYS, [key])
