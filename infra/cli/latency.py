"""`modelmail latency`: how long TFLite models take for one photo on this machine."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.cli.screen import Screen
from jobs import wording
from vm_worker.exports.service.runtime.bundle import from_zip
from vm_worker.learn import latency
from vm_worker.learn.backbones import CATALOGUE

NETWORK_SECONDS = 300.0  # for converting and measuring one network, at most


def run(models: Sequence[Path], as_json: bool) -> int:
    """Print a row for each model, or for each network of the catalogue; returns the exit status: 2 without a model."""
    screen = Screen(to_stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        try:
            figures = _models(models, Path(scratch)) if models else _networks(Path(scratch), screen)
        except (ValueError, OSError, latency.NotMeasured) as error:
            screen.say(f"{error}.")
            return 2
    machine = latency.machine()
    screen.say("{processor}, {threads} threads, LiteRT {litert}; milliseconds for one photo".format(**machine))
    screen.say(
        f"{'':<36}{'size':>9}{'one core: mean':>16}{'median':>8}{'p95':>8}{'all: mean':>11}{'median':>8}{'p95':>8}"
    )
    for name, row in figures.items():
        screen.say(_line(name, row))
    if as_json:
        sys.stdout.write(json.dumps({"machine": machine, "models": figures}) + "\n")
    return 0


def _line(name: str, row: Mapping[str, Any]) -> str:
    times = [row[threads][figure] for threads in ("one", "all") for figure in ("mean", "median", "p95")]
    widths = (16, 8, 8, 11, 8, 8)
    cells = "".join(f"{value:>{width}.1f}" for value, width in zip(times, widths, strict=True))
    return f"{wording.shortened(name, 36):<36}{wording.size(row['bytes']):>9}{cells}"


def _models(models: Sequence[Path], scratch: Path) -> dict[str, Any]:
    """Measure the models; returns name -> figures. Raises ValueError for what holds no TFLite model."""
    files: dict[Path, str] = {}
    for given in models:
        for path in _files(given, scratch / f"{len(files)}.tflite"):
            short = given.is_dir() and len(models) == 1
            files[path] = path.name if short else str(path if given.is_dir() else given)
    return {files[path]: row for path, row in latency.measure(list(files)).items()}


def _files(given: Path, scratch: Path) -> list[Path]:
    """Find the TFLite files of a folder, of a service.pyz, or a file itself."""
    if given.suffix == ".pyz":
        scratch.write_bytes(from_zip(given).model)
        return [scratch]
    found = sorted(given.glob("*.tflite")) if given.is_dir() else [given] if given.suffix == ".tflite" else []
    if not found or not all(path.is_file() for path in found):
        raise ValueError(f"There is no TFLite model at {given}")
    return found


def _networks(scratch: Path, screen: Screen) -> dict[str, Any]:
    """Measure each network of the catalogue; what was measured before is remembered."""
    memory = latency.Memory()
    for key, row in CATALOGUE.items():
        if memory.get(key) is None:
            screen.say(f"Measuring {row.title}")
            latency.fill([key], scratch, NETWORK_SECONDS)
    return memory.known(CATALOGUE)
