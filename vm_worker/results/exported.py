"""The result of the export stage: a row for each format, the delivered files, and the speed of the networks here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vm_worker.as_json import AsJson, only_if_known


@dataclass(frozen=True)
class MachineFacts(AsJson):
    """The machine on which latencies were measured."""

    processor: str
    threads: int
    litert: str  # version of LiteRT; empty: not installed


@dataclass(frozen=True)
class ThreadLatency(AsJson):
    """The milliseconds for one photo, with a given number of threads."""

    threads: int
    mean: float
    median: float
    p95: float


@dataclass(frozen=True)
class Latency(AsJson):
    """The speed and the size of one TFLite model."""

    runs: int
    bytes: int  # size of the file
    one: ThreadLatency  # figures with one thread
    all: ThreadLatency  # figures with as many threads as the machine has cores
    machine: MachineFacts | None = only_if_known()


@dataclass(frozen=True)
class ExportRow(AsJson):
    """A format of the model, compared with model.h5 on test photos."""

    name: str  # name of the file
    format: str  # name of the format in the job's options
    state: str  # made | failed | left_out
    images: int  # number of photos that the file was compared on
    accuracy: float | None
    agreement: float | None  # share of photos with the same first answer, 0..1
    max_difference: float | None  # largest difference of a probability
    note: str
    latency: Latency | None = None  # measured for files that LiteRT runs
    bytes: int | None = None  # size of the file; None: there is no file
    seconds: float = 0.0  # the time that making the file took


@dataclass(frozen=True)
class FileRow(AsJson):
    """A delivered file."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Exported(AsJson):
    """The result of the export stage."""

    exports: tuple[ExportRow, ...]
    files: tuple[FileRow, ...]
    # Costs of the candidates without a head, as TFLite models, by network.
    costs: Mapping[str, Latency] = field(default_factory=dict)
    machine: MachineFacts | None = None
