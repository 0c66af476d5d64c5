"""The formula language: what it refuses, and SQL == Python on the real engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import load_catalogue
from schemas.formula import (
    Combined,
    FormulaError,
    Literally,
    Measured,
    Negative,
    Node,
    Number,
    Value,
    evaluate,
    is_zero,
    measures,
    parse,
    to_python,
    to_sql,
)

Ask = Callable[[str], list[list[Any]]]

NAMES = ("a", "b", "c")
numbers = st.integers(0, 10_000) | st.floats(0.001, 10_000)
leaves = st.builds(Literally, numbers) | st.builds(Measured, st.sampled_from(NAMES))
trees: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Negative, inner) | st.builds(Combined, st.sampled_from("+-*/"), inner, inner)
    ),
    max_leaves=8,
)
wholes: st.SearchStrategy[Node] = st.recursive(
    st.builds(Literally, st.integers(0, 3)) | st.builds(Measured, st.sampled_from(NAMES)),
    lambda inner: (
        st.builds(Negative, inner) | st.builds(Combined, st.sampled_from("+-*"), inner, inner)
    ),
    max_leaves=8,
)
totals = st.none() | st.integers(-5, 5) | st.integers(-(10**9), 10**9)


def parts(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Negative):
        yield from parts(node.of)
    elif isinstance(node, Combined):
        yield from parts(node.left)
        yield from parts(node.right)


def in_range(node: Node, values: Mapping[str, Value]) -> bool:
    """Whole numbers fit 64 bits and floats are finite, as the language promises no more."""
    results = [evaluate(part, values) for part in parts(node)]
    return all(r is None or (math.isfinite(r) and abs(r) < 2**63) for r in results)


def same(sql: Number | None, python: Number | None) -> bool:
    """Equal to the last bit. The engine writes a whole float without a point, so read it as one."""
    if isinstance(python, float) and sql is not None:
        return float(sql) == python
    return sql == python and isinstance(sql, int) == isinstance(python, int)


def test_sql_is_python(ask: Ask) -> None:
    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(trees, min_size=10, max_size=20),
        st.lists(st.tuples(totals, totals, totals), min_size=10, max_size=20),
    )
    def check(formulas: list[Node], rows: list[tuple[int | None, ...]]) -> None:
        columns = ", ".join(f"{name} Nullable(Int64)" for name in NAMES)
        data = ", ".join(
            f"({', '.join('NULL' if v is None else str(v) for v in row)})" for row in rows
        )
        expressions = ", ".join(f"{to_sql(f, str)} AS e{i}" for i, f in enumerate(formulas))
        answers = ask(f"SELECT {expressions} FROM values('{columns}', {data})")
        for row, answer in zip(rows, answers, strict=True):
            values = dict(zip(NAMES, row, strict=True))
            for node, got in zip(formulas, answer, strict=True):
                if in_range(node, values):
                    assert same(got, to_python(node)(values)), (node, values)

    check()


def test_a_formula_read_back_is_the_same_tree() -> None:
    @given(trees)
    def check(node: Node) -> None:
        text = to_sql(node, str)
        if "/" not in text:
            assert parse(text, NAMES) == node

    check()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a / b", None),  # 3 / 0 is no value: not 0, not 100 %
        ("a / b + 1", None),
        ("0 / a", 0.0),
        ("a * 2 - 1", 5),
        ("-(a + 0.5)", -3.5),
        ("a / c", None),
        ("c", None),
        ("7 / 2 * 2", 7.0),
        ("9007199254740991 + a", 9007199254740994),  # whole numbers stay exact
    ],
)
def test_no_value_stays_no_value(ask: Ask, text: str, expected: Number | None) -> None:
    node = parse(text, NAMES)
    assert same(to_python(node)({"a": 3, "b": 0, "c": None}), expected)
    source = "SELECT toInt64(3) AS a, toInt64(0) AS b, CAST(NULL, 'Nullable(Int64)') AS c"
    assert same(ask(f"SELECT {to_sql(node, str)} FROM ({source})")[0][0], expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ofered / 2", "column 1: no measure 'ofered'; did you mean 'offered'?"),
        ("offered / talk_bin", "column 11: no measure 'talk_bin'"),
        ("talk_bins / 2", r"'talk_bins' is a histogram: write quantile\(talk_bins, 0.9\)"),
        ("quantile(offered, 0.9)", "no histogram 'offered'; known: talk_bins"),
        ("quantile(talk_bins, 1.5)", "between 0 and 1, not at 1.5"),
        ("quantile(talk_bins)", r"write quantile\(histogram, 0.9\)"),
        ("max(offered)", r"no function 'max'; known: quantile\(histogram, 0.9\)"),
        ("offered ** 2", "only numbers, measures"),
        ("offered % 2", "only numbers, measures"),
        ("offered if offered else 0", "only numbers, measures"),
        ("offered.real", "only numbers, measures"),
        ("__import__('os').system('x')", "only numbers, measures"),
        ("[offered]", "only numbers, measures"),
        ("'a'", "only numbers, measures"),
        ("True", "True and False are not numbers"),
        ("1e400", r"numbers must be below 2\^53"),
        ("99999999999999999999", r"numbers must be below 2\^53"),
        ("offered +", "not an expression"),
        ("", "not an expression"),
        ("offered = 2", "not an expression"),
        ("(" * 300 + ")" * 300, "not an expression"),
        ("1" * 2000, "at most 1000 characters"),
        ("offered\x00", "not an expression"),
        ("offered / 0", "column 11: is always 0, so nothing can be divided by it"),
        ("1 + offered / (answered - answered)", "column 16: is always 0"),
        ("offered / (2 * offered - offered - offered)", "is always 0"),
        ("offered / (answered * 0)", "is always 0"),
        ("offered / -(1 - 1.0)", "is always 0"),
        ("offered / (offered / answered - offered / answered)", "is always 0"),
        ("answer_rate / 2", "column 1: 'answer_rate' is a metric, and formulas read measures"),
    ],
)
def test_what_is_not_a_formula_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        parse(text, {"offered", "answered"}, {"talk_bins"}, {"answer_rate", "offered"})


def test_what_is_always_zero_is_zero_and_the_rest_is_not() -> None:
    @settings(max_examples=300, deadline=None)
    @given(wholes)
    def check(node: Node) -> None:
        # A polynomial of degree below 9 in each of three measures that is 0 on so wide a grid is 0.
        grid = ({"a": a, "b": b * 97, "c": c * 9973} for a, b, c in product(range(1, 10), repeat=3))
        assert is_zero(node) == all(evaluate(node, values) == 0 for values in grid)
        assert is_zero(Combined("-", node, node))
        assert is_zero(Combined("*", node, Literally(0)))

    check()


def test_a_formula_knows_its_measures() -> None:
    node = parse("-(a + quantile(h, 0.5)) / b * 100", NAMES, {"h"})
    assert measures(node) == {"a", "b", "h"}


def test_every_metric_computes_alike_on_random_totals(ask: Ask) -> None:
    """All formulas of the catalogue over sums, through both compiled forms."""
    catalogue = load_catalogue()
    formulas = [
        catalogue.compile(text)
        for metric in catalogue.metrics.values()
        for text in metric.formulas().values()
    ]
    scalar = [f for f in formulas if "quantile" not in f.text]
    names = sorted(frozenset().union(*(f.measures for f in scalar)))
    sql = ", ".join(f"{to_sql(f.tree, str)} AS e{i}" for i, f in enumerate(scalar))

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.integers(0, 10**12), min_size=len(names), max_size=len(names)))
    def check(values: list[int]) -> None:
        totals_ = dict(zip(names, values, strict=True))
        row = ", ".join(f"toInt64({value}) AS {name}" for name, value in totals_.items())
        answer = ask(f"SELECT {sql} FROM (SELECT {row})")[0]
        for formula, got in zip(scalar, answer, strict=True):
            assert same(got, to_python(formula.tree)(totals_)), formula.text

    check()
