"""A model's file keeps its architecture; it is read without loading the model."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import pytest

from tests.unit.designs.texts import CELL
from vm_worker.designs.builder import build
from vm_worker.designs.grammar import parse
from vm_worker.designs.kept import ATTRIBUTE, keep, kept
from vm_worker.designs.layers import Given, network
from vm_worker.designs.words import ArchitectureError


def test_what_was_kept_is_read_and_keras_loads_the_file_as_before(tmp_path: Path) -> None:
    whole, path = network(parse(CELL), Given(16, 3)), tmp_path / "model.h5"
    build(whole).save(path)
    keep(path, whole.architecture)
    assert kept(path) == whole.architecture
    assert keras.models.load_model(path, compile=False).count_params() == whole.cost.parameters


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "keeps no architecture"),
        (7, "keeps no architecture"),
        ('["__import__"]', "model.h5 keeps was changed or damaged: step 1, .*known are"),
        ("x" * 60_001, "60,000"),
    ],
)
def test_a_file_that_keeps_something_else_is_refused(tmp_path: Path, value: object, said: str) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        if value is not None:
            file.attrs[ATTRIBUTE] = value
    with pytest.raises(ArchitectureError, match=said):
        kept(path)


def test_a_value_that_h5py_cannot_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file.id, ATTRIBUTE.encode(), h5py.h5t.UNIX_D32LE, scalar)
    with pytest.raises(ArchitectureError, match="keeps no architecture"):
        kept(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"hello")
    with pytest.raises(ArchitectureError, match="is no HDF5 file"):
        kept(tmp_path / "model.h5")
    with pytest.raises(FileNotFoundError, match="no file"):
        kept(tmp_path / "nothing.h5")
