"""Commands about a delivered model that need only its files: more formats, and its latency on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

delivered = typer.Typer(rich_markup_mode="markdown")

Json = Annotated[bool, typer.Option("--json", help="Progress to stderr; the last line of stdout is JSON.")]


@delivered.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="JOBFOLDER", help="The folder that holds a job's files.")],
    formats: Annotated[
        str | None,
        typer.Option(help="Formats, separated by commas; default: those that the report names as not made."),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(help="The job's own zip or folder: files are proved on its test photos; tflite_int8 needs it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make more formats of a finished model, such as those that its job had no time for, and prove each.

    Without photos each file is compared with model.h5 on made-up pictures. A file that passes is put beside model.h5;
    the report stays as it is. Exit status: 0 when each was made, 1 when one was not, 2 when the command was wrong.

    Example: `modelmail export modelmail-data/jobs/ID --formats onnx,tflite`
    """
    from infra.cli.export import Wish, run

    raise typer.Exit(run(Wish(folder, formats, photos, as_json)))


@delivered.command()
def latency(
    models: Annotated[
        list[Path] | None, typer.Argument(metavar="[MODEL...]", help="TFLite files, job folders, service.pyz files.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure on this machine how long a TFLite model takes for one photo, on one core and on all.

    100 runs after a warm-up: mean, median and 95th percentile. Without a MODEL: every network of the catalogue, each
    of them once; later jobs show and use these figures. Exit status: 2 without a model.

    Example: `modelmail latency modelmail-data/jobs/ID`
    """
    from infra.cli.latency import run

    raise typer.Exit(run(models or [], as_json))


@delivered.command()
def relabel(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of photos that was sent.")],
    marks: Annotated[Path, typer.Argument(metavar="RELABEL.CSV", help="From the page of the report; or an undo file.")],
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without this it only says what it would do.")] = False,
) -> None:
    """Move photos to other class folders, or away, as they were marked on the page of a report.

    Photos marked "remove" go to the hidden folder .modelmail-removed in FOLDER, which no upload holds. Nothing is
    written over, no link is followed, and nothing outside FOLDER is touched. What was done can be taken back by the
    undo file that it names. Exit status: 0 when all was followed, 1 when some was not, 2 when the command was wrong.

    Example: `modelmail relabel photos relabel.csv --apply`
    """
    from infra.cli.relabel import Wish, run

    raise typer.Exit(run(Wish(folder, marks, apply)))


Trust = Annotated[bool, typer.Option("--trust", help="Open a SavedModel or service.pyz: these are programs.")]
Labelled = Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos in folders that are named like the classes.")]


@delivered.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A delivered classifier, of any format.")],
    folder: Labelled,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Tell how often a model is right on new photos, by the figures of the report.

    Exit status: 0 when each photo could be read, 1 when one could not, 2 when the command was wrong.

    Example: `modelmail evaluate model.tflite newphotos`
    """
    from infra.cli.judging import Wish
    from infra.cli.judging import evaluate as run

    raise typer.Exit(run(Wish(model, folder, trust=trust, as_json=as_json)))


@delivered.command()
def compare(
    one: Annotated[Path, typer.Argument(metavar="A", help="A delivered classifier, of any format.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another one, of the same classes.")],
    folder: Labelled,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Tell which of two models is right more often on the same photos, and whether that may be chance.

    Exit status: as of `modelmail evaluate`.

    Example: `modelmail compare old/model.h5 new/model.h5 newphotos`
    """
    from infra.cli.judging import Wish
    from infra.cli.judging import compare as run

    raise typer.Exit(run(Wish(one, folder, other, trust, as_json)))
