"""The histogram keeps its promise: quantiles within 1 % of the exact ones, however it is merged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.histogram import GAMMA, MAX_MS, bin_of, bin_value, quantile, quantile_sql

Ask = Callable[[str], list[list[Any]]]

durations = st.integers(0, MAX_MS) | st.integers(0, 600_000)
shares = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=1000)


def within_one_percent(estimate: float, exact: float) -> bool:
    return math.isclose(estimate, exact, rel_tol=0, abs_tol=0.01 * exact * (1 + 1e-9))


@given(durations)
def test_a_bin_stands_for_its_values_within_one_percent(ms: int) -> None:
    assert within_one_percent(bin_value(bin_of(ms)), ms)


@given(durations)
def test_a_bin_holds_what_the_definition_says(ms: int) -> None:
    k = bin_of(ms)
    assert 0 <= k < 2**16  # the key of Map(UInt16, Int64)
    if ms >= 2:
        assert GAMMA ** (k - 1) < ms <= GAMMA**k


@given(durations, durations)
def test_bins_are_in_the_order_of_their_values(a: int, b: int) -> None:
    assert (bin_of(a) <= bin_of(b)) or a > b


@given(st.lists(durations, min_size=1, max_size=200), shares)
def test_a_quantile_is_the_nearest_rank_within_one_percent(values: list[int], q: Fraction) -> None:
    exact = sorted(values)[math.ceil(q * len(values)) - 1]
    estimate = quantile(Counter(map(bin_of, values)), q)
    assert estimate is not None
    assert within_one_percent(estimate, exact)


def test_merging_adds_counts() -> None:
    # 9 of 10 waits are at most 30 s: rank 9 of 1, 2, 5, 8, 10, 12, 15, 20, 30, 90 s.
    morning, evening = [1, 2, 5, 8, 10], [12, 15, 20, 30, 90]
    merged = Counter(bin_of(s * 1000) for s in morning) + Counter(bin_of(s * 1000) for s in evening)
    estimate = quantile(merged, Fraction(9, 10))
    assert estimate is not None
    assert within_one_percent(estimate, 30_000)


def test_a_negative_duration_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="cannot be negative: -1 ms"):
        bin_of(-1)


def test_longer_than_ten_years_shares_the_last_bin() -> None:
    assert bin_of(MAX_MS * 5) == bin_of(MAX_MS)


def test_sql_gives_the_same_quantile(ask: Ask) -> None:
    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.lists(durations, max_size=30), min_size=1, max_size=20), shares)
    def check(groups: list[list[int]], q: Fraction) -> None:
        rows, expected = [], []
        for i, group in enumerate(groups):
            # Two rows per group: sumMap must merge them.
            for part in (group[::2], group[1::2]):
                bins = ", ".join(f"{k}, {n}" for k, n in Counter(map(bin_of, part)).items())
                rows.append(f"SELECT {i} AS g, CAST(map({bins}), 'Map(UInt16, Int64)') AS bins")
            expected.append(quantile(Counter(map(bin_of, group)), q))
        source = " UNION ALL ".join(rows)
        sql = f"SELECT {quantile_sql('sumMap(bins)', q)} FROM ({source}) GROUP BY g ORDER BY g"
        answers = [row[0] for row in ask(sql)]
        assert answers == [e if e is None else pytest.approx(e, rel=1e-12) for e in expected]

    check()
