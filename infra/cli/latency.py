"""`modelmail latency`: the time that TFLite models take for one photo on this machine."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.cli.screen import Screen
from jobs import wording
from vm_worker.exports.service.runtime.bundle import from_zip
from vm_worker.learn.latency import measurement
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.results.exported import Latency

NETWORK_SECONDS = 300.0  # time limit to convert and measure one network


def run(models: Sequence[Path], as_json: bool) -> int:
    """Print a row for each model, or for each network of the catalogue; return the exit status: 2 without a model."""
    screen = Screen(to_stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        try:
            figures = _models(models, Path(scratch)) if models else _networks(Path(scratch), screen)
        except (ValueError, OSError, measurement.NotMeasured) as error:
            screen.say(f"{error}.")
            return 2
    machine = measurement.machine()
    screen.say(f"{machine.processor}, {machine.threads} threads, LiteRT {machine.litert}; milliseconds for one photo")
    screen.say(
        f"{'':<36}{'size':>9}{'one core: mean':>16}{'median':>8}{'p95':>8}{'all: mean':>11}{'median':>8}{'p95':>8}"
    )
    for name, row in figures.items():
        screen.say(_line(name, row))
    if as_json:
        plain = {name: row.to_json() for name, row in figures.items()}
        sys.stdout.write(json.dumps({"machine": machine.to_json(), "models": plain}) + "\n")
    return 0


def _line(name: str, row: Latency) -> str:
    times = [figure for threads in (row.one, row.all) for figure in (threads.mean, threads.median, threads.p95)]
    widths = (16, 8, 8, 11, 8, 8)
    cells = "".join(f"{value:>{width}.1f}" for value, width in zip(times, widths, strict=True))
    return f"{wording.shortened(name, 36):<36}{wording.size(row.bytes):>9}{cells}"


def _models(models: Sequence[Path], scratch: Path) -> dict[str, Latency]:
    """Measure the models; return name -> figures. Raises ValueError for a path without a TFLite model."""
    files: dict[Path, str] = {}
    for given in models:
        for path in _files(given, scratch / f"{len(files)}.tflite"):
            short = given.is_dir() and len(models) == 1
            files[path] = path.name if short else str(path if given.is_dir() else given)
    return {files[path]: row for path, row in measurement.measure(list(files)).items()}


def _files(given: Path, scratch: Path) -> list[Path]:
    """Return the TFLite files in a folder or a service.pyz, or the given file itself."""
    if given.suffix == ".pyz":
        scratch.write_bytes(from_zip(given).model)
        return [scratch]
    found = sorted(given.glob("*.tflite")) if given.is_dir() else [given] if given.suffix == ".tflite" else []
    if not found or not all(path.is_file() for path in found):
        raise ValueError(f"There is no TFLite model at {given}")
    return found


def _networks(scratch: Path, screen: Screen) -> dict[str, Latency]:
    """Measure each network of the catalogue; figures of earlier measurements are reused."""
    cache = measurement.LatencyCache()
    for key, row in CATALOGUE.items():
        if cache.get(key) is None:
            screen.say(f"Measuring {row.title}")
            measurement.measure_missing([key], scratch, NETWORK_SECONDS)
    return cache.known(CATALOGUE)
