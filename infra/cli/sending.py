"""The subcommand `modelmail submit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

sending = typer.Typer()


@sending.command()
def submit(  # noqa: PLR0913  one parameter for each option of a job, which is what a command line is
    path: Annotated[Path, typer.Argument(help="Folder or zip of class folders.")],
    email: Annotated[str, typer.Option(help="The address that gets the report.")],
    url: Annotated[str, typer.Option(help="The service.")],
    minutes: Annotated[int | None, typer.Option(help="Training time; default: 2, and 1 for each 400 photos.")] = None,
    objective: Annotated[str | None, typer.Option(help="accuracy, balanced or small.")] = None,
    candidates: Annotated[str | None, typer.Option(help="Networks to try, separated by commas.")] = None,
    search: Annotated[str | None, typer.Option(help="How to search after the rule.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs at most; the best one is kept.")] = None,
    trials: Annotated[int | None, typer.Option(help="Trials at most; default: until the time is up.")] = None,
    exports: Annotated[str | None, typer.Option(help="Formats, separated by commas; h5 is always made.")] = None,
    mirror: Annotated[
        str | None, typer.Option(help="true or false: whether photos may be flipped left to right.")
    ] = None,
    from_scratch: Annotated[
        str | None, typer.Option(help="true or false: whether small networks without pretrained weights are tried too.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same order of trials.")] = None,
    task: Annotated[
        str | None, typer.Option(help="classification or detection: what the model is for; default: by the zip.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="inner or outer: the folders that name the classes; default: by their names.")
    ] = None,
    goal: Annotated[
        float | None, typer.Option(help="Accuracy, up to 1, at which learning stops; default: use the time.")
    ] = None,
    base: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINK|-",
            help="Continue from an earlier model: the link from its mail; -: read it from stdin. Of several, each with "
            "its --base, the one whose photos are most like these is chosen.",
        ),
    ] = None,
    start_mail: Annotated[str | None, typer.Option(help="true or false: a mail when the training starts.")] = None,
    keep_photos: Annotated[
        bool,
        typer.Option("--keep-photos", help="Keep the photos as long as the model, to add some later."),
    ] = False,
    add: Annotated[bool, typer.Option("--add", help="Learn from the photos that the earlier job kept, too.")] = False,
    design: Annotated[
        str | None,
        typer.Option(
            help="controller, q_learning, evolution, surrogate, bayesian, random or none: who designs a small network"
            " for these photos, by trying many; for pictures unlike photographs, and an hour or more."
        ),
    ] = None,
    designs: Annotated[int | None, typer.Option(help="Networks to try at most; default: as the time allows.")] = None,
    architecture: Annotated[
        str | None, typer.Option(metavar="TEXT|FILE", help="A network of your own, trained beside the others.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder that the model and the report are downloaded to.")] = None,
    check_first: Annotated[
        bool, typer.Option("--check/--no-check", help="Look at the photos first, by the rules of the service.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress to stderr; the last line of stdout is JSON.")
    ] = False,
) -> None:
    """Send a folder or zip to a running service and follow the job to its end.

    An upload that was cut off goes on where it stopped when the same command is run again.

    Exit status: 0 when the job is done, 1 when the photos or the job were refused or failed, 2 when the
    command was wrong, 3 when the service or its storage stayed out of reach.

    Example: `modelmail submit photos/ --email me@example.org --url http://127.0.0.1:8080 --out result`
    """
    from infra.cli.submit import Order, Wish, bases, run, text_of

    given = {
        "minutes": minutes, "objective": objective, "candidates": candidates, "search": search, "epochs": epochs,
        "trials": trials, "exports": exports, "mirror": mirror, "from_scratch": from_scratch,
        "seed": seed, "task": task, "classes": classes, "goal": goal, "start_mail": start_mail,
        "base": bases(base), "keep_photos": keep_photos or None, "add": add or None,
        "design": design, "designs": designs, "architecture": text_of(architecture),
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    raise typer.Exit(run(Wish(Order(path, email, url, options), out, check_first, as_json)))
