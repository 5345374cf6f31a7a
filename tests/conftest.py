"""Fixtures that several suites share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.emulator.keys import ensure_key
from tests.servers import ACCOUNT, EmulatorUnderTest, running_emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorUnderTest]:
    """One bucket emulator for the whole run, on a free port; make your own bucket in it."""
    folder = tmp_path_factory.mktemp("emulator")
    with running_emulator(folder / "buckets", ensure_key(folder / "key.json", ACCOUNT)) as running:
        yield running
