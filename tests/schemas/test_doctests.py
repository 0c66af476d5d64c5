"""The examples in the contracts' docstrings are right."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from schemas import documents, formula, histogram, measures, migrations, site


@pytest.mark.parametrize(
    "module", [documents, formula, histogram, measures, migrations, site], ids=lambda m: m.__name__
)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
