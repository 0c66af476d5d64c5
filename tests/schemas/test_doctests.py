"""The examples in the contracts' docstrings are right."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from schemas import calendars, documents, formula, histogram, measures, migrations, site

MODULES = [calendars, documents, formula, histogram, measures, migrations, site]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
