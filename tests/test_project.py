"""The project says of itself only what is true: version, locks, packages, imports, exceptions."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
TOP = ("pipeline", "schemas", "dashboards", "infra", "tests", "docs", ".ci")
PACKAGES = ("pipeline", "schemas", "dashboards", "infra")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.txt", "requirements-dev.txt")

# Where a checker is silenced, and for what. This list only shrinks.
SUPPRESSIONS = {
    "infra/clickhouse/__main__.py": ["noqa: PLC0415"] * 3,  # the engine takes 1 s and 200 MB
    "infra/clickhouse/columns.py": ["noqa: PLR0911"],  # one return per layout
    "infra/clickhouse/engine.py": ["noqa: PLC0415"],  # the engine takes 1 s and 200 MB
    "infra/clickhouse/reader.py": ["type: ignore[misc]"],  # the driver ships no types
    "tests/infra/test_kill.py": ["type: ignore[misc]"],
    "tests/infra/test_queries.py": ["type: ignore[index]"],
    "tests/infra/test_walk.py": ["type: ignore[arg-type]"],
}

# Modules that hold more than one idea; the numbers are what they may have. This list only shrinks.
MOST_LINES = 420
LONG_MODULES = {
    "tests/log/test_log_recovery.py": 446,
}

# What a package may import beside the standard library. What is ours is in import-linter's hands.
MAY_IMPORT = {
    "schemas": {"schemas", "pydantic", "yaml"},
    "dashboards": {"dashboards", "schemas", "grafana_foundation_sdk"},
    "infra": {"infra", "chdb", "clickhouse_driver", "kafka"},
}


def project_files() -> Iterator[Path]:
    """Every file of the project, without what running it leaves behind."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.name != ".git")
    for name in TOP:
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def modules() -> dict[str, str]:
    """The text of every module by its place."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for path in project_files()
        if path.suffix == ".py"
    }


def test_the_version_is_that_of_the_changelog() -> None:
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["project"]["version"] == version("goldpan")


def test_the_lists_of_packages_and_their_files_are_complete() -> None:
    setuptools = PROJECT["tool"]["setuptools"]
    packages, others = set(), set()
    for path in project_files():
        place = path.relative_to(ROOT)
        if place.parts[0] not in PACKAGES:
            continue
        if path.name == "__init__.py":
            packages.add(".".join(place.parent.parts))
        elif path.suffix in (".css", ".html", ".js", ".svg", ".yaml", ".sql", ".json", ".xml"):
            others.add(place)
    assert sorted(packages) == setuptools["packages"]
    shipped = {
        path.relative_to(ROOT)
        for package, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert others == shipped


def test_locks_hold_what_is_asked_for_and_say_no_place() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    asked = {"requirements.txt": PROJECT["project"]["dependencies"]}
    asked["requirements-dev.txt"] = [*asked["requirements.txt"], *extras["dev"], *extras["bench"]]
    pins: dict[str, dict[str, str]] = {}
    for name in LOCKS:
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert not re.search(r"^(-|.* @ )", text, re.MULTILINE)
        pins[name] = dict(re.findall(r"^([a-z0-9._-]+)==([^ ]+)", text, re.MULTILINE))
        assert text.count("==") == len(pins[name])
        for requirement in map(Requirement, asked[name]):
            assert pins[name][requirement.name.lower()] in requirement.specifier
    product, development = (pins[name].items() for name in LOCKS)
    assert product <= development


# In parts, so that this file does not find itself.
PLACES = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:ho" + r"me|ro" + r"ot|wo" + r"rk|Us" + r"ers|o" + r"pt)/\w",
            r"[A-Z]:\\\\?Users",
            r"py" + r"pi\.org",
            r"python" + r"hosted",
            r"--(?:extra-)?index" + r"-url[ =]",
            r"(?<!emit-)trusted" + r"-host[ =]",
        )
    )
)


def test_no_file_names_a_machines_place_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in project_files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if PLACES.search(line)
    ]
    assert found == []


def test_checkers_are_silenced_only_where_this_says() -> None:
    comment = re.compile(r"#\s*(noqa: ?[A-Z0-9, ]*[A-Z0-9]|noqa|type: ignore(?:\[[\w, -]+\])?)")
    found = {place: comment.findall(text) for place, text in modules().items()}
    found.pop("tests/test_project.py")
    assert {place: sorted(what) for place, what in found.items() if what} == SUPPRESSIONS
    mypy = PROJECT["tool"]["mypy"]
    assert set(mypy) == {"strict", "packages", "overrides"}
    assert [part["module"] for part in mypy["overrides"]] == [["clickhouse_driver.*", "kafka.*"]]
    assert PROJECT["tool"]["ruff"]["lint"]["per-file-ignores"] == {"tests/**": ["D"]}


def test_modules_hold_one_idea() -> None:
    lengths = Counter({place: len(text.splitlines()) for place, text in modules().items()})
    long = {place: length for place, length in lengths.items() if length > MOST_LINES}
    assert long.keys() == LONG_MODULES.keys()
    assert {place: length for place, length in long.items() if length > LONG_MODULES[place]} == {}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_only_what_they_may(package: str) -> None:
    found = {
        (place, name.split(".")[0])
        for place, text in modules().items()
        if place.startswith(package + "/")
        for node in ast.walk(ast.parse(text))
        for name in imported(node)
    }
    allowed = MAY_IMPORT[package] | set(sys.stdlib_module_names)
    assert {(place, name) for place, name in found if name not in allowed} == set()


def imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0
        return [node.module or ""]
    return []
