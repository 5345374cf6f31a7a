"""The pytest plugin of the package `modelmail-emulator`: the fixture `gcs_emulator`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from infra.emulator.running import GcsEmulator


@pytest.fixture(scope="session")
def gcs_emulator_options() -> Sequence[str]:
    """The options of `gcs_emulator`; override this fixture to change them."""
    return ("--admin",)


@pytest.fixture(scope="session")
def gcs_emulator(gcs_emulator_options: Sequence[str]) -> Iterator[GcsEmulator]:
    """A Google Cloud Storage for the whole test run, with empty buckets: `url`, `client()`, `key_file`."""
    # Not at the top: pytest imports plugins before it begins to measure coverage.
    running = importlib.import_module(f"{__name__.rpartition('.')[0]}.running")
    with running.GcsEmulator(options=gcs_emulator_options) as emulator:
        yield emulator
