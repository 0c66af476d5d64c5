"""The text of one query goes in, what kind of statement it is comes out.

This is not a parser: it finds the first keyword, the target of an INSERT that expects data, and
the clauses that a server ignores but the engine in-process would obey (``FORMAT`` of a SELECT).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from infra.clickhouse.errors import EngineError

SYNTAX_ERROR = 62
_INTO_OUTFILE = 358

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|\#[! ][^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^'\\]|\\.|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
      | (?P<word>\w+)
      | (?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)
_NEEDS_CARE = re.compile(r";|\bFORMAT\b|\bOUTFILE\b", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Token:
    """One token: kind is text, quoted, word or sign."""

    kind: str
    value: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """Upper-case text if it is a bare word or a sign, else nothing."""
        return self.value.upper() if self.kind in {"word", "sign"} else ""


@dataclass(frozen=True)
class DataInsert:
    """An INSERT whose rows follow as blocks.

    Attributes:
        head: the statement up to and including the columns: ``INSERT INTO t (a, b)``.
        target: the table, as written.
        columns: column names, or None if the statement names none.
        selector: the text in brackets if it is more than names, such as ``* EXCEPT(a)``.
        settings: its SETTINGS clause, or nothing.
    """

    head: str
    target: str
    columns: tuple[str, ...] | None
    selector: str
    settings: str


def tokens(sql: str) -> Iterator[Token]:
    """Tokens without blanks and comments."""
    for found in _TOKEN.finditer(sql):
        kind = found.lastgroup or "sign"
        kind = "text" if kind == "tag" else kind
        if kind != "blank":
            yield Token(kind, found[0], found.start(), found.end())


def keyword(sql: str) -> str:
    """First word of the statement in upper case, or ``(``, or nothing."""
    first = next(tokens(sql), None)
    return first.upper if first else ""


def statement(sql: str) -> str:
    """Remove what ends a statement: semicolons, and FORMAT of a query, which is the client's.

    >>> statement("SELECT 1 FORMAT JSON;")
    'SELECT 1'

    Raises:
        EngineError: there is no statement, a second one, or INTO OUTFILE. A server refuses all
            three; the engine would say nothing to the first, run the second and write the file.
    """
    if next(tokens(sql), None) is None:
        msg = "DB::Exception: Syntax error: Empty query. (SYNTAX_ERROR)"
        raise EngineError(SYNTAX_ERROR, msg)
    if not _NEEDS_CARE.search(sql):
        return sql
    found = list(tokens(sql))
    while found and found[-1].value == ";":
        found.pop()
    if any(token.value == ";" and token.kind == "sign" for token in found):
        msg = "DB::Exception: Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)"
        raise EngineError(SYNTAX_ERROR, msg)
    if any(a.upper == "INTO" and b.upper == "OUTFILE" for a, b in pairwise(found)):
        raise EngineError(_INTO_OUTFILE, "DB::Exception: INTO OUTFILE is not allowed")
    if keyword(sql) == "INSERT":
        return sql[: found[-1].end] if found else ""
    found, settings = _without_format(found)
    body = sql[: found[-1].end] if found else ""
    return f"{body} {sql[settings[0].start : settings[-1].end]}" if settings else body


_FORMAT_TAIL = 2
_BEFORE_A_NAME = {",", "BY", "AS", ".", "AND", "OR", "NOT", "WHERE", "SELECT"}
"""After these, ``format`` is a column, as in ``ORDER BY format DESC``."""


def _without_format(found: list[Token]) -> tuple[list[Token], list[Token]]:
    """Split off ``FORMAT name`` at the end of the statement, and SETTINGS that follow it."""
    depth = 0
    for at in range(len(found) - 1, 0, -1):
        depth += (found[at].value == ")") - (found[at].value == "(")
        if depth or found[at].upper != "FORMAT":
            continue
        rest = [token.upper for token in found[at + 1 :]]
        is_name = found[at - 1].upper in _BEFORE_A_NAME or rest[:1] in (["ASC"], ["DESC"])
        is_last = len(rest) == 1 or (len(rest) > _FORMAT_TAIL and rest[1] == "SETTINGS")
        if not is_name and is_last and rest[0].isidentifier():
            return found[:at], found[at + 2 :]
        break
    return found, []


def data_insert(sql: str) -> DataInsert | None:
    """Recognise ``INSERT INTO t [(columns)] [SETTINGS ...] VALUES`` or ``FORMAT x`` without data.

    Returns:
        None for ``INSERT ... SELECT`` and for an INSERT with its rows in the text.
    """
    stream = tokens(sql)
    head: list[Token] = []
    if next(stream).upper != "INSERT" or (first := next(stream, None)) is None:
        return None
    if first.upper != "INTO":
        return None
    for token in stream:
        if token.upper in {"SELECT", "WITH", "FROM", "WATCH", "EXPLAIN"} and _depth(head) == 0:
            return None
        if token.upper in {"VALUES", "FORMAT"} and _depth(head) == 0:
            skip = 1 if token.upper == "FORMAT" else 0
            rest = [t for _, t in zip(range(skip + 1), stream, strict=False)]
            data_follows = len(rest) == skip and (not rest or rest[0].kind == "word")
            return _describe(sql, head) if data_follows else None
        head.append(token)
    return None


def _depth(head: list[Token]) -> int:
    return sum((t.value == "(") - (t.value == ")") for t in head if t.kind == "sign")


def _describe(sql: str, head: list[Token]) -> DataInsert | None:
    if head and head[0].upper == "TABLE":
        head = head[1:]
    settings = ""
    for at, token in enumerate(head):
        if token.upper == "SETTINGS" and at > 0:
            settings = sql[token.start : head[-1].end]
            head = head[:at]
            break
    if not head:
        return None
    is_function = head[0].upper == "FUNCTION"
    opening = _columns_at(head, after=1 if is_function else 0)
    table = head if opening is None else head[:opening]
    target = sql[table[0].start : table[-1].end]
    base = f"INSERT INTO {target}"
    if opening is None:
        return DataInsert(base, target, None, "", settings)
    inside = head[opening + 1 : -1]
    selector = sql[head[opening].start : head[-1].end]
    names = _names(inside)
    return DataInsert(
        f"{base} {selector}", target, names, "" if names else selector[1:-1], settings
    )


def _columns_at(head: list[Token], after: int) -> int | None:
    """Index of the bracket that opens the column list: the last group, if it ends the head."""
    if head[-1].value != ")":
        return None
    depth = 0
    for at in range(len(head) - 1, after, -1):
        depth += (head[at].value == ")") - (head[at].value == "(")
        if depth == 0:
            call = after and sum(t.value == "(" for t in head[:at]) == 0
            return None if call else at
    return None


def _names(inside: list[Token]) -> tuple[str, ...] | None:
    names = [""]
    for token in inside:
        if token.value == "," and token.kind == "sign":
            names.append("")
        elif token.kind == "quoted":
            names[-1] += unquoted(token.value)
        elif token.kind == "word" or token.value == ".":
            names[-1] += token.value
        else:
            return None
    if {"EXCEPT", "COLUMNS"} & {token.upper for token in inside}:
        return None
    return tuple(names)


def unquoted(identifier: str) -> str:
    """Plain name of a quoted identifier."""
    mark = identifier[0]
    return _ESCAPE.sub(r"\1", identifier[1:-1].replace(mark * 2, mark))


def literal(value: str) -> str:
    r"""A string literal.

    >>> literal("it's")
    "'it\\'s'"
    """
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A quoted identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
