"""Durations in milliseconds in, mergeable bins and quantiles with a stated error out.

The bins are those of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile
sketch with relative-error guarantees", PVLDB 12(12), 2019, https://doi.org/10.14778/3352063.3352135)
with a relative error of 1 %: bin 0 holds the value 0, bin k >= 1 holds (GAMMA^(k-1), GAMMA^k]
ms, and bin 1 the value 1 as well.
Bins of one kind merge by adding their counts, so minutes, shards and queues merge without loss:
the error is that of one bin however many are merged.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from fractions import Fraction

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)

MAX_MS = 10 * 366 * 24 * 3600 * 1000
"""Ten years: the longest duration that has a bin of its own; longer ones share the last bin."""


def _bounds() -> tuple[float, ...]:
    """Return the upper bound of each bin: 0, GAMMA, GAMMA^2, ... to the first past MAX_MS."""
    bounds = [0.0]
    while bounds[-1] < MAX_MS:
        bounds.append(GAMMA ** len(bounds))
    return tuple(bounds)


# A table instead of a logarithm: log() is rounded differently from one platform to the next, and
# two machines must not store different rows for the same call.
_BOUNDS = _bounds()


def bin_of(ms: int) -> int:
    """Return the bin of a duration in whole milliseconds, at least 0.

    >>> bin_of(0), bin_of(1), bin_of(2), bin_of(20_000)
    (0, 1, 35, 496)
    """
    if ms < 0:
        msg = f"a duration cannot be negative: {ms} ms"
        raise ValueError(msg)
    return min(bisect_left(_BOUNDS, ms), len(_BOUNDS) - 1)


def bin_value(k: int) -> float:
    """Return the estimate, in milliseconds, for every value of bin `k`: 2 GAMMA^k / (GAMMA + 1).

    >>> bin_value(0)
    0.0
    >>> round(bin_value(bin_of(20_000)))  # within 1 % of 20,000
    20136
    """
    return 0.0 if k == 0 else 2 * GAMMA**k / (GAMMA + 1)


def rank_sql(count: str, q: Fraction) -> str:
    """Return SQL for the nearest rank ceil(q * count), at least 1, in whole numbers only.

    Floating point would be wrong at the edges: 0.07 * 100 is 7.000000000000001, of rank 8.
    """
    n, d = q.numerator, q.denominator
    return f"greatest(1, intDiv({count} * {n} + {d - 1}, {d}))"


def quantile(bins: Mapping[int, int], q: Fraction) -> float | None:
    """Return the nearest-rank quantile of merged bins, in milliseconds, or None if empty.

    >>> quantile({0: 1, 1: 8, 35: 1}, Fraction(9, 10))  # rank 9 of 10: the last in bin 1
    1.01
    >>> quantile({}, Fraction(1, 2)) is None
    True
    """
    total = sum(bins.values())
    if total <= 0:
        return None
    rank = max(1, -(-total * q.numerator // q.denominator))
    seen = 0
    for k in sorted(bins):
        seen += bins[k]
        if seen >= rank:
            return bin_value(k)
    msg = f"bins with a negative count: {dict(bins)}"
    raise ValueError(msg)


def quantile_sql(bins: str, q: Fraction) -> str:
    """Return SQL for the same quantile of a Map(UInt16, Int64), NULL if it is empty.

    `bins` is an expression such as `sumMap(talk_bins)`: sumMap returns its keys in order, and the
    engine computes an expression that appears several times only once.
    """
    counts = f"mapValues({bins})"
    total = f"arraySum({counts})"
    first = f"arrayFirstIndex(c -> c >= {rank_sql(total, q)}, arrayCumSum({counts}))"
    key = f"mapKeys({bins})[{first}]"
    estimate = f"if({key} = 0, 0, 2 * pow({GAMMA!r}, {key}) / {GAMMA + 1!r})"
    return f"if({total} > 0, {estimate}, NULL)"
