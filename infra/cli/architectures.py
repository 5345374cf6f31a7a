"""`modelmail bench-architectures`: four small networks at four widths, trained from scratch on the user's photos."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.cli.screen import Screen
from infra.local.environment import hush_tensorflow
from jobs import wording
from jobs.errors import ModelmailError
from jobs.settings import Settings
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.budget import Budget
from vm_worker.tasks.uploads import take_in

SIZE = 64  # pixels, as scratch.py builds them
DECODERS = 2
HEADING = (
    f"{'network':<20}{'width':>6}{'parameters':>12}{'test accuracy':>22}   "
    f"{'float32: size':>13}{'right':>8}{'ms':>7}   {'dynamic range: size':>19}{'right':>8}{'ms':>7}"
)
NOTE = (
    "ms: one photo on one core, the median of 100 runs by LiteRT. Dynamic range is what the converter makes of "
    "OPTIMIZE_FOR_SIZE and of OPTIMIZE_FOR_LATENCY: today both are names of the same."
)


def run(source: Path, minutes: float, as_json: bool) -> int:
    """Print the table as it grows; return the exit status: 1 for photos that cannot be used."""
    screen = Screen(to_stderr=as_json)
    hush_tensorflow()
    rows = []
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        folder = Path(scratch)
        try:
            limits = Settings.from_env().limits
            dataset = take_in(IntakeRequest(source, folder / "cache", (SIZE,), 0, limits, DECODERS), lambda *_: None)
        except (ModelmailError, OSError) as error:
            screen.say(str(error))
            return 1
        from vm_worker.learn.scratch import architectures

        screen.say(f"{len(dataset.names)} photos of {len(dataset.truth.classes)} kinds, {SIZE} x {SIZE} pixels")
        screen.say(HEADING)
        for row in architectures.table(dataset, folder, Budget.of(60 * minutes)):
            rows.append(row)
            screen.say(_line(row))
    screen.say(NOTE)
    if as_json:
        sys.stdout.write(json.dumps({"photos": len(dataset.names), "rows": rows, "note": NOTE}) + "\n")
    return 0


def _line(row: Mapping[str, Any]) -> str:
    name = f"{row['title']:<20}{row['width']:>6.3g}{wording.count(row['parameters']):>12}"
    if row["test_accuracy"] is None:
        return f"{name}   {row['note']}"
    right = f"{wording.percent(row['test_accuracy'], 1)} ({wording.interval(row['test_interval'])})"
    light, full = row["dynamic_range"], row["float32"]
    return (
        f"{name}{right:>22}   "
        f"{wording.size(full['bytes']):>13}{wording.percent(full['accuracy'], 1):>8}{full['one_ms']:>7.2f}   "
        f"{wording.size(light['bytes']):>19}{wording.percent(light['accuracy'], 1):>8}{light['one_ms']:>7.2f}"
    )
