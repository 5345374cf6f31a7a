"""What the export stage commits: a row for each format, the delivered files, and how fast the networks are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vm_worker.as_json import AsJson, only_if_known


@dataclass(frozen=True)
class MachineFacts(AsJson):
    """The machine that latencies were measured on."""

    processor: str
    threads: int
    litert: str  # its version; empty: not installed


@dataclass(frozen=True)
class ThreadLatency(AsJson):
    """Milliseconds for one photo, with so many threads."""

    threads: int
    mean: float
    median: float
    p95: float


@dataclass(frozen=True)
class Latency(AsJson):
    """Speed and size of one TFLite model."""

    runs: int
    bytes: int  # of the file
    one: ThreadLatency  # one thread
    all: ThreadLatency  # as many threads as the machine has
    machine: MachineFacts | None = only_if_known()


@dataclass(frozen=True)
class ExportRow(AsJson):
    """One format of the model, proved against model.h5 on test photos."""

    name: str  # the file's
    format: str  # the option's name for it
    state: str  # made | failed | left_out
    images: int  # that it was proved on
    accuracy: float | None
    agreement: float | None  # share of photos with the same first answer
    max_difference: float | None  # of a probability
    note: str
    latency: Latency | None = None  # of what LiteRT runs
    bytes: int | None = None  # None: there is no file
    seconds: float = 0.0  # that making it took


@dataclass(frozen=True)
class FileRow(AsJson):
    """One delivered file."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Exported(AsJson):
    """The result of the export stage."""

    exports: tuple[ExportRow, ...]
    files: tuple[FileRow, ...]
    costs: Mapping[str, Latency] = field(default_factory=dict)  # of the candidates without a head, as TFLite models
    machine: MachineFacts | None = None
