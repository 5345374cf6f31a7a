"""`modelmail export`: formats of a finished model that its job had no time for."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cli.proving import SECONDS, proving
from infra.cli.screen import Screen, quiet
from infra.cli.serve import about
from infra.local.environment import hush_tensorflow
from jobs import wording
from jobs.errors import ModelmailError, UserError
from jobs.limits import Limits
from jobs.options import Options, parse_options
from vm_worker.exports import files, formats
from vm_worker.exports.formats import FORMATS, Pace
from vm_worker.results.exported import ExportRow

GFLOPS = 0.5  # GFLOP of a photo, assumed where the network is not known; it chooses the number of calibration photos
SPEED = 10.0  # photos a second, assumed: there is time enough
SOURCE = "Made model.h5"  # a message of the first step, which is done
MADE, NOT_MADE, WRONG = 0, 1, 2  # exit statuses


@dataclass(frozen=True)
class Wish:
    """The command line of an export."""

    folder: Path  # folder of a job's files
    formats: str | None = None  # names, separated by commas; None: those that the report names as not made
    photos: Path | None = None  # the job's own zip or folder of photos
    as_json: bool = False


def run(wish: Wish) -> int:
    """Make the formats, prove each, and print a line for each; return the exit status."""
    screen = Screen(to_stderr=wish.as_json)
    try:
        report = _report(wish.folder)
        wanted = _wanted(wish, report)
    except (ValueError, ModelmailError) as error:
        screen.say(str(error))
        return WRONG
    if not wanted:
        screen.say("The job has made all its formats; name others with --formats.")
        return MADE
    hush_tensorflow()
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        try:
            rows = _made(wish, wanted, report, Path(scratch), screen)
        except (ModelmailError, ValueError, OSError) as error:
            screen.say(str(error))
            return NOT_MADE
    for row in rows:
        screen.say(_line(row))
    if wish.as_json:
        sys.stdout.write(json.dumps({"exports": [row.to_json() for row in rows]}) + "\n")
    return MADE if all(row.state == "made" for row in rows) else NOT_MADE


def _report(folder: Path) -> Mapping[str, Any]:
    """Return the job's report, empty where there is none. Raises ValueError for a folder without a model."""
    for name in (files.H5, files.LABELS):
        if not (folder / name).is_file():
            raise ValueError(f"There is no {folder / name}: give the folder that holds the job's files.")
    path = folder / "report.json"
    if not path.is_file():
        return {}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        report = None
    if not isinstance(report, dict):
        raise ValueError(f"{path} is no report of a job.")
    return report


def _wanted(wish: Wish, report: Mapping[str, Any]) -> list[str]:
    """Return the names of the formats to make. Raises UserError `bad_option`."""
    if wish.formats is None:
        rows = report.get("exports") or [{"format": key, "state": ""} for key in FORMATS]
        names = [row["format"] for row in rows if row["state"] != "made" and row["format"] in FORMATS]
    else:
        try:
            names = list(parse_options({"exports": wish.formats}, Limits()).exports)
        except UserError as error:
            raise UserError(error.code, error.message.replace("exports", "--formats")) from error
    names = [row.key for row in formats.wanted(names) if row.key != "h5"] if names else []
    if "tflite_int8" in names and wish.photos is None:
        if wish.formats is not None:
            raise ValueError("tflite_int8 measures its numbers on photos: add --photos with the zip of the job.")
        names.remove("tflite_int8")
    return names


def _made(
    wish: Wish, wanted: Sequence[str], report: Mapping[str, Any], scratch: Path, screen: Screen
) -> list[ExportRow]:
    """Make the files in the scratch folder, and move those that pass to the job's folder."""
    from vm_worker.exports import delivery

    shutil.copyfile(wish.folder / files.H5, scratch / files.H5)
    options = Options.from_json(report.get("job", {}).get("options", {}))
    proved = proving(wish.folder, wish.photos, options, scratch)
    order = delivery.Order(
        folder=scratch,
        formats=tuple(formats.wanted(wanted)),
        proof=proved.proof,
        train=proved.train,
        classes=proved.labels,
        about=about(report),
        pace=Pace(SPEED, GFLOPS, len(proved.proof.rows)),
        seconds=SECONDS,
        tell=lambda fraction, message: screen.say(message) if message != SOURCE else None,
        task=proved.task,
        settings=proved.settings,
    )
    with quiet(screen):
        rows = [row for row in delivery.deliver(order) if row.format in wanted]
    for row in rows:
        if row.state == "made":
            shutil.move(scratch / row.name, wish.folder / row.name)
    return rows


def _line(row: ExportRow) -> str:
    if row.state != "made":
        return f"{row.name}  not made: {row.note}"
    same = (
        "" if row.agreement is None else f", {wording.percent(row.agreement, 1)} of its answers are those of model.h5"
    )
    return f"{row.name}  {wording.size(row.bytes)}{same}{f'. {row.note}' if row.note else ''}"
