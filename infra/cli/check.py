"""`modelmail check`: the service's own verdict on zips and folders, without sending or training."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from jobs.settings import Settings
from vm_worker.intake.names import clean
from vm_worker.intake.pool import Decoders
from vm_worker.intake.verdict import Verdict, verdict

SKIPPED_SHOWN = 20  # lines a path, for people; --json has them all


def check(paths: list[Path], json_lines: bool) -> None:
    """Print one verdict a path, as it is known. Exit status: 0 when all are accepted, 1 otherwise.

    A photo that ends or hangs its decoding process costs that photo, never the command.
    """
    limits = Settings.from_env().limits
    accepted = True
    with Decoders(processes=1) as decoders:  # started once, for all paths
        for path in paths:
            said = verdict(path, limits, decoders)
            accepted = accepted and said.accepted
            typer.echo(json.dumps(said.to_json(str(path))) if json_lines else _told(path, said))
    raise typer.Exit(0 if accepted else 1)


def _told(path: Path, said: Verdict) -> str:
    code = f" ({said.code})" if said.code else ""
    lines = [f"{clean(str(path))}: {said.verdict}{code}", f"  {clean(said.message)}"]
    lines += [f"  {clean(name)}: {count:,} photos" for name, count in said.classes]
    lines += [f"  left out: {skip.name} {skip.reason}" for skip in said.skipped[:SKIPPED_SHOWN]]
    if len(said.skipped) > SKIPPED_SHOWN:
        lines.append(f"  ... and {len(said.skipped) - SKIPPED_SHOWN} more")
    return "\n".join(lines)
