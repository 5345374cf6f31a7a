"""Fixtures of the heavy clients' tests: the emulator as its own package, and a bucket for each test.

These run by `make clients`, in an environment that has the package and the clients, and nothing else of this project.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud import storage

if TYPE_CHECKING:  # this file is read by `make test` too, where there is no such package
    from modelmail_emulator import GcsEmulator


@pytest.fixture(scope="session")
def open_emulator() -> Iterator[GcsEmulator]:
    """An emulator that lets anybody do everything."""
    from modelmail_emulator import GcsEmulator

    with GcsEmulator(options=("--anonymous", "allow")) as running:
        yield running


def new_bucket(emulator: GcsEmulator) -> storage.Bucket:
    """A fresh bucket with a dash in its name, which some clients encode."""
    client: storage.Client = emulator.client()
    return client.create_bucket(f"some-bucket-{uuid.uuid4().hex[:8]}")


def key_with(emulator: GcsEmulator, **more: Any) -> str:
    """The text of the emulator's key file, with more fields."""
    return json.dumps({**json.loads(emulator.key_file.read_text("utf-8")), **more})
