"""The formats that a job can deliver: a frozen row for each, the most wanted first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Reader(StrEnum):
    """The library that loads the file in a clean process. Each reader has its own process."""

    TENSORFLOW = "tensorflow"
    LITERT = "litert"
    ONNX = "onnx"
    SERVICE = "service"


@dataclass(frozen=True)
class Format:
    """A format of the model, and the differences from model.h5 that it may have."""

    key: str  # name of the format in the job's options
    file: str
    reader: Reader
    difference: float | None  # largest allowed difference of a probability; None: any
    agreement: float  # least share of photos with the same first answer, 0..1
    seconds: float  # time to make it, on an idle machine with two cores
    passes: float  # time to prove it, in forward passes of its reader over the photos


EXACT, CLOSE = 1e-5, 1e-3  # allowed differences: between two Keras files of one model, and between float32 formats

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
NEEDS = {"service": "tflite"}  # a format -> the format that it is made from
# The formats that a child process makes, in this order. The process that proves Keras files also reads the SavedModel.
CONVERTED = ("tflite", "savedmodel", "tflite_float16", "tflite_int8", "onnx")
BY_KERAS = ("h5", "keras")  # formats that Keras itself makes, in a moment
LEFT_OUT = "left out: the time did not suffice; modelmail export makes it from the downloaded files"
START_SECONDS = 8.0  # time of a process to import TensorFlow and load the model
LEAST_SECONDS = 5.0  # no format is begun with less time
HOPE = 2.0  # times an idle machine's time that must be left to try a format against the estimate
OVERLAP = 0.8  # measured 0.71 to 0.85: the share of the summed time, as files are proved while others are converted
PACKED = 40.0  # GFLOP a second of LiteRT and ONNX Runtime; Keras is much slower with depthwise convolutions
LEAST_SHARE = 0.4
CALL = 0.005  # GFLOP that calling a network costs beside its work, for an image of a batch: it counts for tiny ones
WORK = 16.0  # GFLOP a second of Keras for small networks, on the machine where `seconds` was measured


@dataclass(frozen=True)
class Pace:
    """The speed of this machine with this network."""

    speed: float  # speed in Keras
    gflops: float  # work for one image
    photos: int  # number of photos that each file is proved on

    @property
    def slowness(self) -> float:
        """The factor by which everything takes longer than on an idle machine; at least 1."""
        return max(1.0, WORK / ((self.gflops + CALL) * self.speed))

    @property
    def unhindered(self) -> Pace:
        """The pace of the same work on an idle machine, where this one is slower."""
        return replace(self, speed=self.speed * self.slowness)

    def passes(self, row: Format) -> float:
        """Return the time to prove the file, in forward passes of Keras over the photos."""
        if row.reader is Reader.TENSORFLOW:
            return row.passes
        return row.passes * min(1.0, max(LEAST_SHARE, self.gflops * self.speed / PACKED))


def wanted(named: Sequence[str]) -> list[Format]:
    """Return the formats that were asked for and the formats that they are made from, model.h5 first."""
    keys = {"h5", *named, *(NEEDS[key] for key in named if key in NEEDS)}
    return [row for row in _ROWS if row.key in keys]


def fitting(rows: Sequence[Format], allowed: float, pace: Pace) -> list[Format]:
    """Return the formats that can be made and proved in `allowed` seconds, in order; always model.h5."""
    chosen = [row for row in rows if row.key == "h5"]
    for row in rows:
        ready = NEEDS.get(row.key, "h5") in {one.key for one in chosen}
        if row not in chosen and ready and seconds([*chosen, row], pace) <= allowed:
            chosen.append(row)
    return sorted(chosen, key=_ROWS.index)


def later(rows: Sequence[Format], there: Collection[str], allowed: float, pace: Pace) -> list[Format]:
    """Return those of the formats that are not `there` yet and can be made and proved in `allowed` seconds."""
    chosen: list[Format] = []
    for row in rows:
        ready = NEEDS.get(row.key, "h5") in {*there, *(one.key for one in chosen)}
        if row.key not in there and ready and seconds([*chosen, row], pace) <= allowed:
            chosen.append(row)
    return chosen


def hoped(rows: Sequence[Format], there: Collection[str], allowed: float, pace: Pace) -> list[Format]:
    """Return the most wanted format that an idle machine would make and prove in `allowed` seconds `HOPE` times over.

    It is for a slow or crowded machine, where no further format fits by the estimate: a crowd may leave at any moment,
    and the time limit ends what takes too long.
    """
    return later(rows, there, allowed / HOPE, pace.unhindered)[:1]


def seconds(rows: Sequence[Format], pace: Pace, making: bool = True) -> float:
    """Return the seconds to make and prove these formats; with `making` false, to prove them only."""
    proving = sum(map(pace.passes, rows)) * pace.photos / pace.speed
    readers = {row.reader for row in rows}
    starts = START_SECONDS * (Reader.TENSORFLOW in readers) + sum(1.0 for _ in readers)
    if not making:
        return proving + pace.slowness * starts
    converted = any(row.key in CONVERTED for row in rows)
    starts += START_SECONDS * converted
    whole = proving + pace.slowness * (starts + sum(row.seconds for row in rows))
    return whole * OVERLAP if converted else whole
