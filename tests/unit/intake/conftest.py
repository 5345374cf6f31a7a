"""A fixture: one pool of decoding processes for all tests that only check photos."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vm_worker.intake.pool import Decoders


@pytest.fixture(scope="session")
def decoders() -> Iterator[Decoders]:
    with Decoders(processes=1) as pool:
        yield pool
