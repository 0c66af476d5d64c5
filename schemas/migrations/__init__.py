"""Numbered SQL files in, migrations in order out: the tables, written by hand.

A file is named `<version>_<name>.sql`. Statements name no database, so the same file builds the
embedded store, a test's own database and a server's. Every statement may run twice: a crash
between two statements of one migration is repaired by running it again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

_FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


@dataclass(frozen=True)
class Migration:
    """One step of the schema: its number, its name, and what to run."""

    version: int
    name: str
    statements: tuple[str, ...]


def split_statements(text: str) -> tuple[str, ...]:
    r"""Split SQL at ';' on line ends, without comment lines and blanks.

    >>> split_statements("-- why\nSELECT 1;\n\nSELECT\n  2;\n")
    ('SELECT 1', 'SELECT\n  2')
    """
    lines = [line.rstrip() for line in text.splitlines() if not line.lstrip().startswith("--")]
    pieces = re.split(r";$", "\n".join(lines), flags=re.MULTILINE)
    return tuple(piece.strip() for piece in pieces if piece.strip())


def migrations() -> list[Migration]:
    """Return every migration, lowest version first.

    Raises:
        ValueError: a file's name is not of the form, or the versions are not 1, 2, 3, ...
    """
    found = []
    for entry in resources.files(__name__).iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE.match(entry.name)
        if match is None:
            msg = f"{entry.name}: name a migration 0001_what_it_does.sql"
            raise ValueError(msg)
        text = entry.read_text(encoding="utf-8")
        found.append(Migration(int(match[1]), match[2], split_statements(text)))
    found.sort(key=lambda migration: migration.version)
    versions = [migration.version for migration in found]
    if versions != list(range(1, len(found) + 1)):
        msg = f"migrations must be numbered 1, 2, 3, ... without gaps, not {versions}"
        raise ValueError(msg)
    return found
