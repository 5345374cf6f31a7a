"""`modelmail check`: the service's verdict on zips and folders, without sending or training."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options, parse_options
from jobs.settings import Settings
from vm_worker.intake.names import clean
from vm_worker.intake.pool import Bounds, DecoderFault, Decoders
from vm_worker.intake.verdict import Verdict
from vm_worker.tasks.uploads import verdict

SKIPPED_SHOWN = 20  # lines for a path on a terminal; --json has them all
WRONG = 2  # exit status: nothing can be checked here
INTERRUPTED = 130  # exit status, the one that shells use for Ctrl-C
MISSING = Verdict(code="not_found", message="There is no file or folder of this name.")


def check(paths: Sequence[str | Path], json_lines: bool, classes: str = "") -> None:
    """Print a verdict for each path as soon as it is known. Exit status: 0 when all are accepted, 1 otherwise.

    `classes` is the option of a job, empty where it is not given.

    A photo that crashes its decoding process or makes it hang is reported as bad; the command goes on.
    """
    _speak_anything()
    try:
        limits = Settings.from_env().limits
        accepted = _check(paths, json_lines, limits, parse_options({"classes": classes}, limits))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (DecoderFault, UserError, ValueError) as error:  # ValueError: a setting that is no number
        typer.echo(f"Nothing can be checked here: {str(error).rstrip('.')}.", err=True)
        raise typer.Exit(WRONG) from None
    raise typer.Exit(0 if accepted else 1)


def _check(paths: Iterable[str | Path], json_lines: bool, limits: Limits, options: Options) -> bool:
    accepted = True
    with Decoders(1, Bounds.of(limits)) as decoders:  # one process for all paths
        for path in paths:
            said = MISSING if _missing(path) else verdict(Path(path), limits, decoders, options)
            accepted = accepted and said.accepted
            typer.echo(json.dumps(said.to_json(str(path))) if json_lines else _told(str(path), said))
    return accepted


def _missing(path: str | Path) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # opening it says what is wrong
        return False
    return False


def _speak_anything() -> None:
    """Let a terminal without UTF-8 show escapes for characters that it lacks. An error would end the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _told(path: str, said: Verdict) -> str:
    code = f" ({said.code})" if said.code else ""
    lines = [f"{clean(path)}: {said.verdict}{code}", f"  {clean(said.message)}"]
    lines += [f"  {clean(name)}: {count:,} {said.unit}" for name, count in said.classes]
    lines += [f"  left out: {skip.name} {skip.reason}" for skip in said.skipped[:SKIPPED_SHOWN]]
    if len(said.skipped) > SKIPPED_SHOWN:
        lines.append(f"  ... and {len(said.skipped) - SKIPPED_SHOWN} more")
    return "\n".join(lines)
