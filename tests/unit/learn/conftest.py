"""Fixtures for the tests of learning: a small set of photographs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.learn.photos import textures
from vm_worker.learn.labels import LabelledPhotos


@pytest.fixture(scope="module")
def eager() -> Iterator[None]:
    """No graphs: to trace one takes longer than the few steps of a test."""
    import tensorflow

    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> LabelledPhotos:
    """Return 3 x 20 tiles at the sizes of EfficientNet-Lite0 and Lite1."""
    return textures(tmp_path_factory.mktemp("photos"), (224, 240), each=20)
