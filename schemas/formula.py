"""A formula's text in, one syntax tree out, compiled to SQL and to Python with the same results.

The language: numbers, measures, `+ - * /`, parentheses and `quantile(histogram, 0.9)`.
What the two forms agree on, and a property test proves on the real engine:

- whole numbers stay whole under `+ - *` and are exact while they fit 64 bits;
- `/` is always a float; dividing by zero gives no value (NULL, None), not 0 and not 100 %;
- no value stays no value through every operation;
- dividing by what is 0 whatever is counted, such as `a - a`, is refused when it is read;
- a quantile is in milliseconds, the estimate of its bin (`schemas.histogram`), none if empty.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from schemas import histogram
from schemas.documents import nearest

Number: TypeAlias = int | float
Value: TypeAlias = "Number | Mapping[int, int] | None"
"""What a measure holds: a number, a histogram's bins, or nothing."""

MAX_WHOLE = 2**53
"""Whole numbers beyond this are not exact as floats, so a formula may not name them."""


class FormulaError(ValueError):
    """A formula that cannot be compiled; the message shows where."""


@dataclass(frozen=True)
class Literally:
    """A number."""

    value: Number


@dataclass(frozen=True)
class Measured:
    """The total of a base measure over the period and group asked for."""

    name: str


@dataclass(frozen=True)
class Quantile:
    """A quantile of a histogram measure."""

    histogram: str
    q: Fraction


@dataclass(frozen=True)
class Negative:
    """The opposite of a node."""

    of: Node


@dataclass(frozen=True)
class Combined:
    """Two nodes and an operation."""

    operation: Literal["+", "-", "*", "/"]
    left: Node
    right: Node


Node: TypeAlias = Literally | Measured | Quantile | Negative | Combined

_OPERATIONS: Mapping[type[ast.operator], Literal["+", "-", "*", "/"]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}


@dataclass(frozen=True)
class _Parser:
    """Python's own tree in, ours out; whatever is not whitelisted is refused."""

    text: str
    scalars: Collection[str]
    histograms: Collection[str]
    metrics: Collection[str]

    def error(self, node: ast.AST, what: str) -> FormulaError:
        column = getattr(node, "col_offset", 0) + 1
        return FormulaError(f"{self.text!r}, column {column}: {what}")

    def node(self, node: ast.expr) -> Node:
        match node:
            case ast.Constant(value=bool()):
                raise self.error(node, "True and False are not numbers")
            case ast.Constant(value=int() | float() as value):
                if not abs(value) < MAX_WHOLE:
                    raise self.error(node, f"numbers must be below 2^53, not {value}")
                return Literally(value)
            case ast.Name(id=name):
                return self.measured(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(self.node(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return self.combined(_OPERATIONS[type(op)], left, right)
            case ast.Call(func=ast.Name(id="quantile")):
                return self.quantile(node)
            case ast.Call(func=ast.Name(id=name)):
                raise self.error(node, f"no function {name!r}; known: quantile(histogram, 0.9)")
        raise self.error(node, "only numbers, measures, + - * /, ( ) and quantile( ) are allowed")

    def combined(
        self, operation: Literal["+", "-", "*", "/"], left: ast.expr, right: ast.expr
    ) -> Combined:
        found = Combined(operation, self.node(left), self.node(right))
        if operation == "/" and is_zero(found.right):
            raise self.error(right, "is always 0, so nothing can be divided by it")
        return found

    def measured(self, node: ast.expr, name: str) -> Measured:
        if name in self.metrics and name not in {*self.scalars, *self.histograms}:
            what = f"{name!r} is a metric, and formulas read measures: write its formula out"
            raise self.error(node, what)
        if name in self.histograms:
            raise self.error(node, f"{name!r} is a histogram: write quantile({name}, 0.9)")
        if name not in self.scalars:
            raise self.error(node, f"no measure {name!r}; {nearest(name, sorted(self.scalars))}")
        return Measured(name)

    def quantile(self, node: ast.Call) -> Quantile:
        match node:
            case ast.Call(args=[ast.Name(id=name), ast.Constant(value=float(q))], keywords=[]):
                if not 0 < q < 1:
                    raise self.error(node, f"a quantile lies between 0 and 1, not at {q}")
                if name not in self.histograms:
                    remedy = nearest(name, sorted(self.histograms)) if self.histograms else ""
                    raise self.error(node, f"no histogram {name!r}; {remedy}")
                # Through the decimal text: 0.9 as a float is a little more than 9/10.
                return Quantile(name, Fraction(str(q)))
        raise self.error(node, "write quantile(histogram, 0.9)")


def parse(
    text: str,
    scalars: Collection[str],
    histograms: Collection[str] = (),
    metrics: Collection[str] = (),
) -> Node:
    """Parse a formula.

    Args:
        text: for example "answered / offered * 100".
        scalars: the measures that are numbers.
        histograms: the measures that only `quantile` may read.
        metrics: what is no measure though it has a name, so that whoever writes it is told. No
            formula reads a metric, so none can come to read itself.

    Raises:
        FormulaError: the text is not a formula, or names what does not exist.

    >>> parse("answered / 2", {"answered"})
    Combined(operation='/', left=Measured(name='answered'), right=Literally(value=2))
    """
    stripped = text.strip()
    if len(stripped) > 1000:
        msg = f"{stripped[:40]!r}...: a formula has at most 1000 characters"
        raise FormulaError(msg)
    try:
        tree = ast.parse(stripped, mode="eval")
    except (SyntaxError, ValueError) as error:
        column = getattr(error, "offset", None) or 1
        msg = f"{stripped!r}, column {column}: not an expression"
        raise FormulaError(msg) from error
    return _Parser(stripped, scalars, histograms, metrics).node(tree.body)


def measures(node: Node) -> frozenset[str]:
    """Return the names of the measures that a formula reads."""
    match node:
        case Measured(name):
            return frozenset({name})
        case Quantile(name, _):
            return frozenset({name})
        case Negative(of):
            return measures(of)
        case Combined(_, left, right):
            return measures(left) | measures(right)
        case _:
            return frozenset()


_Polynomial: TypeAlias = "dict[tuple[str, ...], Fraction]"
"""The coefficient of each product of measures; a quotient counts as a measure of its own."""
_MOST_TERMS = 100


def is_zero(node: Node) -> bool:
    """Tell whether a formula is 0 whatever is counted.

    >>> is_zero(parse("(a + b) * 2 - a - a - 2 * b", {"a", "b"}))
    True
    >>> is_zero(parse("a - b", {"a", "b"}))
    False
    """
    return not _polynomial(node)


def _polynomial(node: Node) -> _Polynomial:
    terms: _Polynomial
    match node:
        case Literally(value):
            terms = {(): Fraction(value)}
        case Negative(of):
            terms = {names: -factor for names, factor in _polynomial(of).items()}
        case Combined("+" | "-" as operation, left, right):
            terms = _polynomial(left)
            for names, factor in _polynomial(right).items():
                signed = factor if operation == "+" else -factor
                terms[names] = terms.get(names, Fraction(0)) + signed
        case Combined("*", left, right):
            terms = {}
            ours, theirs = _polynomial(left), _polynomial(right)
            if len(ours) * len(theirs) > _MOST_TERMS:
                return {(repr(node),): Fraction(1)}
            for some, factor in ours.items():
                for others, by in theirs.items():
                    names = tuple(sorted(some + others))
                    terms[names] = terms.get(names, Fraction(0)) + factor * by
        case _:
            terms = {(repr(node),): Fraction(1)}
    return {names: factor for names, factor in terms.items() if factor}


def denominator(node: Node) -> Node | None:
    """Return what a ratio is taken of, or None if the formula is no ratio.

    Scaling by a number leaves a ratio one: the denominator of `answered / offered * 100` is the
    contacts that were offered, which says on how many the percentage rests.

    >>> denominator(parse("answered / offered * 100", {"answered", "offered"}))
    Measured(name='offered')
    """
    match node:
        case Combined("*" | "/", left, Literally()):
            return denominator(left)
        case Combined("/", _, right):
            return right
        case _:
            return None


def to_sql(node: Node, column: Callable[[str], str]) -> str:
    """Return the formula as a SQL expression.

    Args:
        node: the formula.
        column: gives the SQL of a measure's total, such as "sum(t.answered)", or of a
            histogram's merged bins, such as "sumMap(t.talk_bins)".

    >>> to_sql(parse("answered / offered", {"answered", "offered"}), str)
    '(answered / nullIf(offered, 0))'
    """
    match node:
        case Literally(value):
            return repr(value)
        case Measured(name):
            return column(name)
        case Quantile(name, q):
            return histogram.quantile_sql(column(name), q)
        case Negative(of):
            return f"(-{to_sql(of, column)})"
        case Combined("/", left, right):
            divisor = to_sql(right, column)
            if not (isinstance(right, Literally) and right.value):
                divisor = f"nullIf({divisor}, 0)"
            return f"({to_sql(left, column)} / {divisor})"
        case Combined(operation, left, right):
            return f"({to_sql(left, column)} {operation} {to_sql(right, column)})"


def evaluate(node: Node, values: Mapping[str, Value]) -> Number | None:
    """Return the formula's value.

    Args:
        node: the formula.
        values: the total of each measure, None where there is none.

    >>> names = {"answered", "offered"}
    >>> evaluate(parse("answered / offered * 100", names), {"answered": 3, "offered": 4})
    75.0
    >>> evaluate(parse("answered / offered * 100", names), {"answered": 0, "offered": 0})
    """
    match node:
        case Literally(value):
            return value
        case Measured(name):
            value_ = values[name]
            return None if isinstance(value_, Mapping) else value_
        case Quantile(name, q):
            bins = values[name]
            return histogram.quantile(bins, q) if isinstance(bins, Mapping) else None
        case Negative(of):
            inner = evaluate(of, values)
            return None if inner is None else -inner
        case Combined(operation, left, right):
            a, b = evaluate(left, values), evaluate(right, values)
            return None if a is None or b is None else _apply(operation, a, b)


def _apply(operation: str, a: Number, b: Number) -> Number | None:
    match operation:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case _:
            # Floats first, as the engine does: Python's own int / int rounds differently past 2^53.
            return None if b == 0 else float(a) / float(b)


def to_python(node: Node) -> Callable[[Mapping[str, Value]], Number | None]:
    """Return the formula as a function of its measures' totals, for rules in the stream."""
    return lambda values: evaluate(node, values)
