"""A fixture: one pool of decoding processes for all tests that need none of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.intake.pools import shared
from vm_worker.intake.pool import Decoders


@pytest.fixture(scope="session")
def decoders() -> Iterator[Decoders]:
    with shared() as pool:
        yield pool
