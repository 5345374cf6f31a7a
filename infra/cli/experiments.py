"""Commands that train on this machine to compare ways of training, without the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

experiments = typer.Typer(rich_markup_mode="markdown")


@experiments.command()
def staged(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.TOML", help="The stages; docs/staged.md explains the file.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the results; default: the plan's name and “-results”, here.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say what each stage would train, and list the layers; train nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress to stderr; the last line of stdout is JSON.")
    ] = False,
) -> None:
    """Train one network on several data sets in turn, with its first layers frozen, and tell what that saves.

    Writes results.txt, results.json and results.png. The same command goes on where it was ended.

    Exit status: 1 when photos cannot be used, 2 when the plan is wrong.

    Example: `modelmail staged staged-fruit.toml`
    """
    from infra.cli.staged import Wish, run

    raise typer.Exit(run(Wish(plan, out, check, as_json)))
