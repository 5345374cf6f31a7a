"""Tests whose coverage does not count are not slowed down by it, the second of a file as little as the first."""

from __future__ import annotations

import os
import sys

import pytest


@pytest.fixture(scope="module")
def traced() -> bool:
    """Whether a fixture is measured."""
    return sys.gettrace() is not None


@pytest.mark.parametrize("test", ["first", "second"])
def test_neither_tests_nor_fixtures_nor_children_are_measured(test: str, traced: bool) -> None:
    assert not traced and sys.gettrace() is None
    assert "COVERAGE_PROCESS_CONFIG" not in os.environ
