"""Metadata of a TFLite file: what goes in, what comes out, and the labels, as MediaPipe and ML Kit read them.

The format is that of the TFLite Support library: its metadata_schema.fbs, version 1.5, as a buffer of the model, and
the labels in a zip behind the model. Tables and enumerations are written by their numbers in that schema, and in
TFLite's schema.fbs, version 3.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import flatbuffers
from flatbuffers import number_types
from flatbuffers.table import Table

from vm_worker.as_json import AsJson

NAME = "TFLITE_METADATA"  # readers look for the metadata under this name
LABELS = "labels.txt"  # in the zip
ALIGNED = 16  # bytes; the largest alignment that TFLite asks for
# Numbers in the schemas.
RGB, IMAGE, FEATURE, NORMALIZATION, AXIS_LABELS = 1, 2, 1, 1, 2
VERSION, BUFFERS, METADATA, MODEL_FIELDS = 0, 4, 6, 8  # fields of a TFLite model
FIRST_YEAR = (1980, 1, 1, 0, 0, 0)  # the earliest date of a zip; a fixed one gives the same file each time


@dataclass(frozen=True)
class ModelFacts(AsJson):
    """The facts about a model that its file tells."""

    title: str = ""
    licence: str = ""
    labels: tuple[str, ...] = ()  # one for each probability; empty for a model that is no classifier


def added(model: bytes, facts: ModelFacts) -> bytes:
    """Return a TFLite file with metadata. The model takes one RGB photo of 0..255, and has one output."""
    out = io.BytesIO(_with_buffer(model, _metadata(facts)))
    if not facts.labels:
        return out.getvalue()
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS, FIRST_YEAR), "\n".join(facts.labels) + "\n")
    return out.getvalue()


def _metadata(facts: ModelFacts) -> bytes:
    """Return the metadata alone: a ModelMetadata."""
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString
    inputs = _vector(builder, [_input(builder)])
    outputs = _vector(builder, [_output(builder) if facts.labels else _table(builder, 7, {})])
    graphs = _vector(builder, [_table(builder, 10, {2: inputs, 3: outputs})])
    told = {0: text(facts.title), 1: text("A model of photos, made by modelmail."), 5: text(facts.licence)}
    parser = text("1.0.0")  # the oldest version of the schema that has all of this
    builder.Finish(_table(builder, 8, {**told, 3: graphs, 7: parser}), file_identifier=b"M001")
    return bytes(builder.Output())


def _input(builder: flatbuffers.Builder) -> int:
    """Write the TensorMetadata of the photo. The network normalises it itself: mean 0, deviation 1."""
    colours = _table(builder, 2, {}, {0: RGB})
    content = _table(builder, 3, {1: colours}, {0: IMAGE})
    normal = _table(builder, 2, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
    units = _vector(builder, [_table(builder, 2, {1: normal}, {0: NORMALIZATION})])
    stats = _table(builder, 2, {0: _floats(builder, [255.0]), 1: _floats(builder, [0.0])})
    told = builder.CreateString("image"), builder.CreateString("A photo as raw RGB, 0 to 255, squashed to a square.")
    return _table(builder, 7, {0: told[0], 1: told[1], 3: content, 4: units, 5: stats})


def _output(builder: flatbuffers.Builder) -> int:
    """Write the TensorMetadata of the probabilities, which names the file of the labels."""
    content = _table(builder, 3, {1: _table(builder, 0, {})}, {0: FEATURE})
    stats = _table(builder, 2, {0: _floats(builder, [1.0]), 1: _floats(builder, [0.0])})
    name = builder.CreateString(LABELS)
    labels = _vector(builder, [_table(builder, 5, {0: name}, {2: AXIS_LABELS})])
    told = builder.CreateString("probability"), builder.CreateString("The probability of each label.")
    return _table(builder, 7, {0: told[0], 1: told[1], 3: content, 5: stats, 6: labels})


def _with_buffer(model: bytes, data: bytes) -> bytes:
    """Return the model with one more buffer, and an entry of its metadata that points to it.

    The old model stays byte for byte at the end, at a multiple of ALIGNED, so that its weights stay as aligned as they
    were. A new root before it points to the old parts, which a FlatBuffer may do, as its offsets go forward.
    """
    old = model + bytes(-len(model) % ALIGNED)
    root = Table(bytearray(old), int.from_bytes(old[:4], "little"))
    fields = {slot: place for slot in range(MODEL_FIELDS) if (place := root.Offset(4 + 2 * slot))}
    parts = {slot: root.Indirect(root.Pos + place) for slot, place in fields.items() if slot != VERSION}
    builder = flatbuffers.Builder(len(old) + len(data) + 4096)
    builder.CreateByteVector(old)

    def kept(slot: int) -> list[int]:
        """Return the elements of an old vector of tables, as offsets of the builder."""
        start = parts[slot] + 4 if slot in parts else 0
        count = root.Get(number_types.Uint32Flags, parts[slot]) if slot in parts else 0
        return [len(old) - root.Indirect(start + 4 * place) for place in range(count)]

    buffers = kept(BUFFERS)
    entry = _entry(builder, len(buffers))
    added = {
        BUFFERS: _vector(builder, [*buffers, _table(builder, 3, {0: _aligned(builder, data)})]),
        METADATA: _vector(builder, [*kept(METADATA), entry]),
    }
    version = root.Get(number_types.Uint32Flags, root.Pos + fields[VERSION])
    builder.StartObject(MODEL_FIELDS)
    builder.PrependUint32Slot(VERSION, version, 0)
    for slot, offset in ({slot: len(old) - place for slot, place in parts.items()} | added).items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _entry(builder: flatbuffers.Builder, buffer: int) -> int:
    """Write the model's entry that names the metadata and the number of its buffer."""
    name = builder.CreateString(NAME)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUint32Slot(1, buffer, 0)
    return int(builder.EndObject())


def _table(
    builder: flatbuffers.Builder, fields: int, offsets: Mapping[int, int], small: Mapping[int, int] | None = None
) -> int:
    """Write a table with these offsets and one-byte numbers by field; return its place."""
    builder.StartObject(fields)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in (small or {}).items():
        builder.PrependUint8Slot(slot, number, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())


def _aligned(builder: flatbuffers.Builder, data: bytes) -> int:
    """Write bytes as the data of a buffer, which lie at a multiple of ALIGNED."""
    builder.StartVector(1, len(data), ALIGNED)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return int(builder.EndVector())
