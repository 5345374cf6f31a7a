"""Latency and size of TFLite models on this machine; those of the catalogue's networks are measured once and stored."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cattrs import BaseValidationError

from vm_worker.learn.latency import stopwatch
from vm_worker.learn.networks import designed
from vm_worker.learn.networks.catalogue import plain
from vm_worker.results.exported import Latency, MachineFacts

MODEL_SECONDS = 20.0  # for the runs of one model, at most
START_SECONDS = 60.0  # for starting the process that measures, on a busy machine

# The beginning of a command whose process converts: the converters need TensorFlow, whatever backend a job uses.
ON_TENSORFLOW = ("/usr/bin/env", "KERAS_BACKEND=tensorflow")
LEAST_SECONDS = 15.0  # less does not suffice for one network

log = logging.getLogger(__name__)


class NotMeasured(Exception):
    """The models could not be measured; the message says why."""


def measure(models: Sequence[Path], seconds: float = MODEL_SECONDS) -> dict[Path, Latency]:
    """Measure TFLite files in a process that does nothing else, `seconds` at most for each. Raises NotMeasured."""
    command = [sys.executable, "-I", str(stopwatch.__file__), str(seconds), *map(str, models)]
    limit = START_SECONDS + 3 * seconds * len(models)
    try:
        done = subprocess.run(command, timeout=limit, check=False, capture_output=True, text=True)  # noqa: S603 (ours)
    except subprocess.TimeoutExpired:
        raise NotMeasured("the measurement did not end") from None
    if done.returncode != 0:
        raise NotMeasured((done.stderr.strip().splitlines() or ["the measurement ended"])[-1][:300])
    found = json.loads(done.stdout.splitlines()[-1])
    return {Path(path): Latency.from_json(figures) for path, figures in found.items()}


def measure_missing(keys: Sequence[str], folder: Path, seconds: float) -> None:
    """Measure those of these networks that have no stored figures, as many as `seconds` allow, and store the figures.

    `keys` are of the catalogue, and `folder` is for temporary files. Where the converter crashes, the remaining
    networks stay unmeasured; the next job continues with them.
    """
    # A network that comes as text is that of one job, and its key says nothing.
    missing = [key for key in keys if key not in designed.TITLES and LatencyCache().get(key) is None]
    if not missing or seconds < LEAST_SECONDS:
        return
    command = [*ON_TENSORFLOW, sys.executable, "-m", "vm_worker.learn.latency.measure_bare", str(folder), *missing]
    try:
        done = subprocess.run(command, timeout=seconds, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 (ours)
    except subprocess.TimeoutExpired:
        log.info("no time to measure all of %s", ", ".join(missing))
        return
    if done.returncode:
        log.warning("measuring %s ended with status %d", ", ".join(missing), done.returncode)


def machine() -> MachineFacts:
    """Describe this machine; a latency holds for the machine on which it was measured."""
    try:
        litert = version("ai-edge-litert")
    except PackageNotFoundError:
        litert = ""
    return MachineFacts(processor=_processor(), threads=os.cpu_count() or 1, litert=litert)


class LatencyCache:
    """The figures of the catalogue's networks on this machine, stored with the installation: one JSON file each."""

    def __init__(self, folder: Path | None = None) -> None:
        here = hashlib.sha256(json.dumps(machine().to_json(), sort_keys=True).encode()).hexdigest()[:12]
        self._folder = (folder or Path(sys.prefix) / "share" / "modelmail") / f"latency-{here}"

    def get(self, key: str) -> Latency | None:
        """Return the stored figures of a network; None where there are none that can be read."""
        try:
            return Latency.from_json(json.loads((self._folder / f"{plain(key)}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, BaseValidationError):
            return None

    def known(self, keys: Iterable[str]) -> dict[str, Latency]:
        """Return the figures of those networks that have been measured, by key."""
        return {key: figures for key in keys if (figures := self.get(key)) is not None}

    def put(self, key: str, figures: Latency) -> None:
        """Store the figures of a network. Raises OSError where the installation cannot be written to."""
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{key}.{os.getpid()}.part"
        part.write_text(json.dumps(replace(figures, machine=machine()).to_json(), indent=1), encoding="utf-8")
        os.replace(part, self._folder / f"{plain(key)}.json")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
