"""The formats that a job can deliver: a frozen row for each, the most wanted first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Reader(StrEnum):
    """The library that loads the file in the clean process; each has a process of its own."""

    TENSORFLOW = "tensorflow"
    LITERT = "litert"
    ONNX = "onnx"
    SERVICE = "service"


@dataclass(frozen=True)
class Format:
    """One file of the model, and how near it has to be to model.h5."""

    key: str  # the option's name for it
    file: str
    reader: Reader
    difference: float | None  # of a probability, at most; None: any
    agreement: float  # least share of photos with the same first answer
    seconds: float  # to make it, on a quiet machine of two cores
    passes: float  # to prove it, in forward passes of its reader over the photos


EXACT, CLOSE = 1e-5, 1e-3  # between two Keras files of one model; between float32 formats

_ROWS = (
    Format("h5", "model.h5", Reader.TENSORFLOW, EXACT, 1.0, 0.0, 1.0),
    Format("keras", "model.keras", Reader.TENSORFLOW, EXACT, 1.0, 1.0, 1.0),
    Format("tflite", "model.tflite", Reader.LITERT, CLOSE, 1.0, 3.0, 1.0),
    Format("service", "service.pyz", Reader.SERVICE, CLOSE, 1.0, 4.0, 2.0),
    Format("tflite_float16", "model_float16.tflite", Reader.LITERT, None, 0.99, 3.0, 1.0),
    Format("tflite_int8", "model_int8.tflite", Reader.LITERT, None, 0.0, 10.0, 1.0),
    Format("onnx", "model.onnx", Reader.ONNX, CLOSE, 1.0, 6.0, 1.0),
    Format("savedmodel", "model.savedmodel.zip", Reader.TENSORFLOW, CLOSE, 1.0, 4.0, 1.0),
)
FORMATS: Mapping[str, Format] = {row.key: row for row in _ROWS}
NEEDS = {"service": "tflite"}  # what one is made of
# In a child process, in this order: the clean process that proves Keras' files goes on with the SavedModel.
CONVERTED = ("tflite", "savedmodel", "tflite_float16", "tflite_int8", "onnx")
ALWAYS = ("h5", "keras")  # made by Keras itself, in a moment
LEFT_OUT = "left out: the time did not suffice; it needs a few minutes more"
START_SECONDS = 8.0  # of a process that imports TensorFlow and loads the model
LEAST_SECONDS = 5.0  # less is no time at all
OVERLAP = 0.8  # of the sum: files are proved while others are converted; measured, with the latencies: 0.71 to 0.85
PACKED = 40.0  # GFLOP a second of LiteRT and ONNX Runtime, from which Keras is far with depthwise convolutions
LEAST_SHARE = 0.4
WORK = 16.0  # GFLOP a second that Keras does for small networks where `seconds` was measured


@dataclass(frozen=True)
class Pace:
    """How fast this machine and this network are."""

    speed: float  # images a second by Keras
    gflops: float  # of one image
    photos: int  # that each file is proved on

    @property
    def slowness(self) -> float:
        """How many times longer everything takes than on a quiet machine."""
        return max(1.0, WORK / (self.gflops * self.speed))

    def passes(self, row: Format) -> float:
        """The cost of proving the file, in forward passes of Keras over the photos."""
        if row.reader is Reader.TENSORFLOW:
            return row.passes
        return row.passes * min(1.0, max(LEAST_SHARE, self.gflops * self.speed / PACKED))


def wanted(named: Sequence[str]) -> list[Format]:
    """The formats that were asked for and what they are made of, model.h5 first."""
    keys = {"h5", *named, *(NEEDS[key] for key in named if key in NEEDS)}
    return [row for row in _ROWS if row.key in keys]


def fitting(rows: Sequence[Format], allowed: float, pace: Pace) -> list[Format]:
    """The formats that can be made and proved in so many seconds, in their order; model.h5 and .keras always."""
    chosen = [row for row in rows if row.key in ALWAYS]
    for row in rows:
        ready = NEEDS.get(row.key, "h5") in {one.key for one in chosen}
        if row not in chosen and ready and seconds([*chosen, row], pace) <= allowed:
            chosen.append(row)
    return sorted(chosen, key=_ROWS.index)


def seconds(rows: Sequence[Format], pace: Pace, making: bool = True) -> float:
    """Seconds that making and proving these formats takes; without `making`, the proof alone."""
    proving = sum(map(pace.passes, rows)) * pace.photos / pace.speed
    readers = {row.reader for row in rows}
    starts = START_SECONDS * (Reader.TENSORFLOW in readers) + sum(1.0 for _ in readers)
    if not making:
        return proving + pace.slowness * starts
    converted = any(row.key in CONVERTED for row in rows)
    starts += START_SECONDS * converted
    whole = proving + pace.slowness * (starts + sum(row.seconds for row in rows))
    return whole * OVERLAP if converted else whole
