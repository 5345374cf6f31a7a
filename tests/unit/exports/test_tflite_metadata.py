"""The metadata of TFLite files, read by the schemas alone: nothing of the writer is used here."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import number_types
from flatbuffers.table import Table

from vm_worker.exports.tflite_metadata import ModelFacts, added

LABELS = ("dark", "light & <bright>", "猫")
FACTS = ModelFacts("Small", "Apache-2.0", LABELS)


class Read:
    """A table of a FlatBuffer; its fields are asked for by number and kind."""

    def __init__(self, data: bytes, place: int | None = None) -> None:
        self._table = Table(bytearray(data), int.from_bytes(data[:4], "little") if place is None else place)
        self._data = data

    def _at(self, field: int) -> int:
        place = self._table.Offset(4 + 2 * field)
        assert place, f"there is no field {field}"
        return int(self._table.Pos + place)

    def text(self, field: int) -> str:
        return str(self._table.String(self._at(field)).decode())

    def byte(self, field: int) -> int:
        return int(self._table.Get(number_types.Uint8Flags, self._at(field)))

    def table(self, field: int) -> Read:
        return Read(self._data, self._table.Indirect(self._at(field)))

    def tables(self, field: int) -> list[Read]:
        start, count = self._vector(field)
        return [Read(self._data, self._table.Indirect(start + 4 * number)) for number in range(count)]

    def floats(self, field: int) -> list[float]:
        start, count = self._vector(field)
        return [float(self._table.Get(number_types.Float32Flags, start + 4 * number)) for number in range(count)]

    def has(self, field: int) -> bool:
        return bool(self._table.Offset(4 + 2 * field))

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._table.Offset(4 + 2 * field)
        return int(self._table.Vector(place)), int(self._table.VectorLen(place))


def metadata_of(model: bytes) -> bytes:
    """The buffer that the model's entry TFLITE_METADATA points to, found by TFLite's own reader."""
    root = schema.Model.GetRootAsModel(model, 0)
    entries = {root.Metadata(number).Name(): root.Metadata(number).Buffer() for number in range(root.MetadataLength())}
    return bytes(root.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy().tobytes())


@pytest.fixture(scope="module")
def model(tflite: bytes) -> bytes:
    return added(tflite, FACTS)


def test_the_input_is_a_raw_rgb_photo(model: bytes) -> None:
    data = metadata_of(model)
    assert data[4:8] == b"M001"
    whole = Read(data)
    assert (whole.text(0), whole.text(5), whole.text(7)) == ("Small", "Apache-2.0", "1.0.0")
    (graph,) = whole.tables(3)
    (photo,) = graph.tables(2)
    assert photo.table(3).byte(0) == 2 and photo.table(3).table(1).byte(0) == 1  # an image, RGB
    (unit,) = photo.tables(4)
    assert unit.byte(0) == 1  # normalisation
    assert (unit.table(1).floats(0), unit.table(1).floats(1)) == ([0.0], [1.0])  # mean, deviation
    assert (photo.table(5).floats(0), photo.table(5).floats(1)) == ([255.0], [0.0])  # most, least


def test_the_output_names_its_labels(model: bytes, tmp_path: Path) -> None:
    (graph,) = Read(metadata_of(model)).tables(3)
    (output,) = graph.tables(3)
    assert output.table(3).byte(0) == 1  # numbers
    (file,) = output.tables(6)
    assert (file.text(0), file.byte(2)) == ("labels.txt", 2)  # labels of the axis
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["labels.txt"] and archive.testzip() is None
        assert archive.read("labels.txt").decode().splitlines() == list(LABELS)


def answers(model: bytes) -> Any:
    network = Interpreter(model_content=model)
    network.allocate_tensors()
    photo = np.random.default_rng(0).uniform(0, 255, network.get_input_details()[0]["shape"]).astype(np.float32)
    network.set_tensor(network.get_input_details()[0]["index"], photo)
    network.invoke()
    return network.get_tensor(network.get_output_details()[0]["index"])


def test_the_model_itself_is_unchanged(tflite: bytes, model: bytes) -> None:
    assert tflite in model  # byte for byte
    np.testing.assert_array_equal(answers(model), answers(tflite))
    before, after = (schema.Model.GetRootAsModel(data, 0) for data in (tflite, model))
    assert schema.Model.ModelBufferHasIdentifier(model, 0)
    assert (after.Version(), after.Description()) == (before.Version(), before.Description())
    assert after.SignatureDefsLength() == before.SignatureDefsLength()
    assert after.BuffersLength() == before.BuffersLength() + 1
    assert after.MetadataLength() == before.MetadataLength() + 1


def test_weights_stay_as_aligned_as_they_were(tflite: bytes, model: bytes) -> None:
    assert model.index(tflite) % 16 == 0


def test_the_same_model_gives_the_same_file(tflite: bytes, model: bytes) -> None:
    assert added(tflite, FACTS) == model


def test_a_model_that_is_no_classifier_has_no_labels(tflite: bytes) -> None:
    plain = added(tflite, ModelFacts("Other", "none"))
    (graph,) = Read(metadata_of(plain)).tables(3)
    assert graph.tables(2)[0].has(4) and not graph.tables(3)[0].has(6)
    assert b"labels.txt" not in plain
