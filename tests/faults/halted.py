"""A site whose jobs stop half-way through their features, until a test lets them go on or ends them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import stub
from tests.faults.house import Site, open_house


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A house of its own with one site."""
    with open_house(tmp_path) as house:
        opened = Site(house, "site")
        (opened.stub / "stop-at").write_text(stub.FEATURES, encoding="utf-8")
        yield opened
        opened.close()
