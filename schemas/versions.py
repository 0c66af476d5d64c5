"""What a definition's numbers follow from in, its fingerprint and the recorded ones out.

A number that is shown says by which version of its definition it was made. So a definition that
changes without a new version would lie. `versions.yaml` holds the fingerprint of every version
there has been; `goldpan metrics record` adds those of today, and loading refuses what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from schemas.documents import read_document
from schemas.measures import Strict

FILE = "schemas/versions.yaml"
_HEAD = """\
# The fingerprint of each version of each metric's definition: its formulas, what their measures
# count, its unit and its default. `goldpan metrics record` adds lines here and changes none.
format: 1
metrics:
"""

Versions = Mapping[str, Mapping[int, str]]
"""The fingerprint of each version of each metric."""


class VersionsFile(Strict):
    """The whole of versions.yaml."""

    format: Literal[1]
    metrics: dict[
        str,
        dict[Annotated[int, Field(ge=1)], Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]],
    ]


def fingerprint(content: Mapping[str, object]) -> str:
    """Return 12 hexadecimal digits that differ when plain data differ."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def load_versions() -> Versions:
    """Return the fingerprints that ship with the product.

    Raises:
        DocumentError: every problem of the file, with its line.
    """
    text = (resources.files("schemas") / "versions.yaml").read_text(encoding="utf-8")
    return read_document(FILE, text, VersionsFile).metrics


def merged(known: Versions, today: Versions) -> Versions:
    """Return what is known with what is new; what is there stays as it is."""
    both = {name: dict(versions) for name, versions in known.items()}
    for name, versions in today.items():
        both[name] = {**versions, **both.get(name, {})}
    return both


def written(versions: Versions) -> str:
    """Return the file's text: metrics in the order of their names, one line each."""
    lines = []
    for name, of_metric in sorted(versions.items()):
        pairs = ", ".join(f"{number}: '{value}'" for number, value in sorted(of_metric.items()))
        lines.append(f"  {name}: {{{pairs}}}\n")
    return _HEAD + "".join(lines)


def write(versions: Versions, path: Path | None = None) -> Path:
    """Write the file of this checkout, or another; returns its place."""
    path = path or Path(__file__).with_name("versions.yaml")
    path.write_text(written(versions), encoding="utf-8")
    return path
