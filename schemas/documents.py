"""A YAML file and a model in, a checked object out, or every problem with its file and line.

People write these files by hand, so one run must name every mistake, where it stands and what
would be right, instead of the first one only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
Key = str | int
Problem = tuple[tuple[Key, ...], str]
"""Where, and what is wrong."""


MAX_DEPTH = 40
MAX_NODES = 100_000


class DocumentError(ValueError):
    """A file cannot be used; `problems` lists every reason as `file:line: field: what`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


_MANY = 200
"""So many names are no help: three must do."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a remedy for an unknown name: what may be meant, or all that is known if it is few.

    >>> nearest("ofered", ["answered", "offered"])
    "did you mean 'offered'?"
    """
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    if len(known) > _MANY:
        return f"nearest of {len(known)}: {', '.join(get_close_matches(name, known, cutoff=0))}"
    return f"known: {', '.join(sorted(known))}"


@dataclass
class _Document:
    """A parsed file: its plain data, and the line of every key and item."""

    name: str
    data: object = None
    lines: dict[tuple[Key, ...], int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def locate(self, loc: Sequence[Key]) -> tuple[Key, ...]:
        """Return the path in the file that a model's location means.

        Locations also name union members and dict keys ("[key]"), which the file does not have:
        steps that lead nowhere are left out.
        """
        path: tuple[Key, ...] = ()
        for step in loc:
            if (*path, step) in self.lines:
                path = (*path, step)
        return path

    def add(self, path: tuple[Key, ...], text: str, line: int | None = None) -> None:
        """Note a problem at a place, or on a line that has no place of its own."""
        where = line or self.lines.get(path, 1)
        label = ".".join(map(str, path))
        self.problems.append((where, f"{self.name}:{where}: {label + ': ' if label else ''}{text}"))

    def refuse(self) -> DocumentError:
        """Return the error that lists all problems in the order of the lines."""
        return DocumentError([text for _, text in sorted(self.problems)])


def _read(document: _Document, node: yaml.Node, path: tuple[Key, ...], built: Any) -> object:
    """Turn YAML nodes into plain data, noting lines and refusing duplicate keys."""
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if len(path) > MAX_DEPTH or len(document.lines) > MAX_NODES:
        # Aliases can make a few lines endless, or as good as endless.
        msg = f"{document.name}:{line}: too deep or too large; leave out & and * references"
        raise DocumentError([msg])
    if isinstance(node, yaml.SequenceNode):
        return [_read(document, item, (*path, i), built) for i, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        try:
            return built.construct_object(node)
        except ValueError as error:
            document.add(path, f"{node.value!r} is not a value: {error}; put it in quotes")
            return None
    data: dict[Hashable, object] = {}
    for key_node, value_node in node.value:
        # As text whatever YAML takes it for: it reads `on:` as true and `10:` as a number.
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
        line = key_node.start_mark.line + 1
        if key in data:
            first = document.lines[(*path, key)]
            document.add((*path, key), f"given twice, first on line {first}; keep one", line)
            continue
        document.lines[(*path, key)] = line
        data[key] = _read(document, value_node, (*path, key), built)
    return data


def _parse(name: str, text: str) -> _Document:
    """Parse YAML, keeping lines; problems are collected, not raised, except unreadable YAML."""
    document = _Document(name)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None:
            document.data = _read(document, node, (), loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line if mark else text.count("\n", 0, getattr(error, "position", 0))
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "an error"
        msg = f"{name}:{line + 1}: not readable as YAML: {what}; check indentation and quotes"
        raise DocumentError([msg]) from error
    except RecursionError as error:
        raise DocumentError([f"{name}:1: nested too deep to read; remove brackets"]) from error
    return document


def read_document(
    name: str,
    text: str,
    model: type[Model],
    check: Callable[[Model], Iterable[Problem]] = lambda _: (),
) -> Model:
    """Check the text of a YAML file against a model.

    Args:
        name: how the file is called in messages.
        text: the file's content.
        model: what it must be.
        check: finds what the model alone cannot see, such as a name defined elsewhere.

    Raises:
        DocumentError: with every problem found, in the order of the file's lines.
    """
    document = _parse(name, text)
    checked = None
    try:
        checked = model.model_validate(document.data)
    except ValidationError as error:
        for item in error.errors():
            loc = tuple(step for step in item["loc"] if isinstance(step, str | int))
            _explain(document, model, loc, item)
    else:
        for path, problem in check(checked):
            document.add(document.locate(path), problem)
    if document.problems or checked is None:
        raise document.refuse()
    return checked


def _explain(document: _Document, model: type[BaseModel], loc: tuple[Key, ...], item: Any) -> None:
    """Note one of pydantic's errors, with what would be right."""
    path = document.locate(loc)
    message = item["msg"].removeprefix("Value error, ")
    shown = repr(item["input"])
    if item["type"] == "extra_forbidden":
        known = sorted(_fields_at(model, loc[:-1]))
        document.add(path, f"unknown key; {nearest(str(loc[-1]), known)}")
    elif item["type"] == "missing":
        document.add(path, f"{loc[-1]!r} is missing; add it")
    elif item["type"] in ("model_type", "dict_type"):
        document.add(path, "write `key: value` lines here, one below the other")
    elif isinstance(item["input"], dict | list) or len(shown) > 60:
        document.add(path, message)
    else:
        document.add(path, f"{shown}: {message[0].lower()}{message[1:]}")


def _fields_at(annotation: Any, loc: tuple[Key, ...]) -> set[str]:
    """Return the keys that the model found at a location knows."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _fields_at(get_args(annotation)[0], loc)
    if origin in (Union, UnionType):
        members = [_fields_at(member, loc) for member in get_args(annotation)]
        if loc:  # the first step may be the union's tag
            members += [_fields_at(member, loc[1:]) for member in get_args(annotation)]
        return set().union(*members)
    if origin in (dict, list, tuple) and loc:
        return _fields_at(get_args(annotation)[-1 if origin is dict else 0], loc[1:])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        if not loc:
            return {info.alias or name for name, info in fields.items()}
        info = fields.get(str(loc[0]))
        return _fields_at(info.annotation, loc[1:]) if info else set()
    return set()
