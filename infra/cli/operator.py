"""The subcommands of `modelmail jobs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(help="Data folder of a running `modelmail up`. Default: MODELMAIL_* variables, or modelmail-data."),
]
Json = Annotated[bool, typer.Option("--json", help="Progress to stderr; the last line of stdout is JSON.")]

operator = typer.Typer(
    help="""For the operator: every job with its state, age and attempts.

    Reads the same MODELMAIL_* variables as the worker; without any, finds the service that `modelmail up` runs.

    Example: `modelmail jobs cancel Xb3kQ9aZ`
    """,
)


@operator.callback(invoke_without_command=True)
def jobs(context: typer.Context, data: Data = None, as_json: Json = False) -> None:
    """List the jobs, if nothing else is asked for."""
    if context.invoked_subcommand is None:
        from infra.cli.operate import show

        raise typer.Exit(show(False, as_json, data))


@operator.command("list")
def list_jobs(
    everything: Annotated[bool, typer.Option("--all", help="Expired and deleted ones too.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Each job with its state, age and attempts, the newest first.

    Example: `modelmail jobs list --json`
    """
    from infra.cli.operate import show

    raise typer.Exit(show(everything, as_json, data))


@operator.command()
def retry(job_id: Annotated[str, typer.Argument(metavar="ID")], data: Data = None, as_json: Json = False) -> None:
    """Let the next worker take a job now, its crashes forgiven. At least 8 characters of its id will do.

    Example: `modelmail jobs retry Xb3kQ9aZ`
    """
    from infra.cli.operate import act

    raise typer.Exit(act("retry", job_id, as_json, data))


@operator.command()
def cancel(job_id: Annotated[str, typer.Argument(metavar="ID")], data: Data = None, as_json: Json = False) -> None:
    """End a job; its user is told by mail, unless nothing has been uploaded.

    Example: `modelmail jobs cancel Xb3kQ9aZ`
    """
    from infra.cli.operate import act

    raise typer.Exit(act("cancel", job_id, as_json, data))
