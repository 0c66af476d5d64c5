"""A file of hashed API keys and a request's token flow in; what the token may do flows out.

A token is `gp_NAME_SECRET`; the file keeps the SHA-256 of the whole. The secret has 256 random
bits, so a fast hash is enough: there is nothing to guess. The file is read again when it changes,
so that a key that is added, rotated or revoked counts within a second, without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.errors import ConfigError

ANY = "*"
LOOK_AGAIN_S = 1.0
_TOKEN = re.compile(r"gp_([a-z0-9-]{1,40})_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class Key(BaseModel):
    """One key as the file keeps it: whose it is, what it may write, until when it is valid.

    `site` and `source` are what events of this key may say; `*` is any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    site: Annotated[str, Field(min_length=1, max_length=64)]
    source: Annotated[str, Field(min_length=1, max_length=64)]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    events_per_second: Annotated[int, Field(ge=1)] | None = None
    """Its own rate; the gateway's where it has none."""
    signing_secret: str | None = Field(default=None, min_length=8, max_length=500, repr=False)
    """What a vendor signs its webhooks with; in the open, because signing needs it so."""

    def valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or now < self.expires_at


class KeyFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    keys: tuple[Key, ...] = ()


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file; none if there is no file.

    Raises:
        ConfigError: it cannot be read, or is no key file.
    """
    try:
        content = yaml.safe_load(path.read_text())
        return KeyFile.model_validate(content).keys
    except FileNotFoundError:
        return ()
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}; check the path and its permissions"
        raise ConfigError(msg) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        msg = f"{path}: is no file of keys ({first}); make one with 'goldpan keys add'"
        raise ConfigError(msg) from error


def write_keys(path: Path, keys: Iterable[Key]) -> None:
    """Put keys into a file that only its owner can read, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    content = KeyFile(keys=tuple(keys)).model_dump(mode="json", exclude_none=True)
    text = "# Made by 'goldpan keys'. Holds no key, only their hashes.\n"
    text += yaml.safe_dump(content, sort_keys=False)
    write_secret(path, text)


def write_secret(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        msg = f"{path}: cannot be written: {error.strerror}; check the directory"
        raise ConfigError(msg) from error


def new_token(name: str) -> str:
    """A token that nobody has had.

    Raises:
        ConfigError: the name cannot be one.
    """
    if not _NAME.fullmatch(name):
        msg = f"{name!r} is no name for a key: small letters, digits and '-', at most 40"
        raise ConfigError(msg)
    return f"gp_{name}_{secrets.token_urlsafe(32)}"


def digest(token: str) -> str:
    """What the file keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class KeyRing:
    """The keys of a file that may change. Any thread may ask."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ConfigError: see `read_keys`.
        """
        self.problem = ""
        """Why the file's last change is not in force; empty while it is."""
        self._path = path
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._stamp = self._stat()
        self._keys = read_keys(path)

    def find(self, token: str, now: datetime) -> tuple[Key | None, str]:
        """The valid key of a token.

        Every comparison takes the same time, and there is one also for a name that is unknown.

        Returns:
            The key, or None and why not.
        """
        self._refresh()
        match = _TOKEN.fullmatch(token)
        name = match[1] if match else ""
        given = digest(token)
        found: Key | None = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, given) and key.name == name:
                found = key
        if found is None:
            return None, "the key is not known"
        if not found.valid(now):
            return None, f"the key {found.name} expired at {found.expires_at:%Y-%m-%d %H:%M} UTC"
        return found, ""

    def _refresh(self) -> None:
        """Read the file again if it changed; a broken one leaves the keys as they are."""
        with self._lock:
            if time.monotonic() - self._looked < LOOK_AGAIN_S:
                return
            self._looked = time.monotonic()
            stamp = self._stat()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._keys = read_keys(self._path)
                self.problem = ""
            except ConfigError as error:
                self.problem = str(error)

    def _stat(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (stat.st_ino, stat.st_mtime_ns, stat.st_size)
