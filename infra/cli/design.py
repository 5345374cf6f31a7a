"""The subcommands of `modelmail design`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

design = typer.Typer(
    no_args_is_help=True,
    help="""Networks as text: draw one, or read that of a model.

    Example: `modelmail design show '["CONV:3X3:1X1:SAME:32:BN", "SOFTMAX"]' --pixels 32`
    """,
)


@design.command()
def show(
    text: Annotated[str, typer.Argument(metavar="STRING|FILE", help="An architecture, or a file that holds one.")],
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("architecture.svg"),
    pixels: Annotated[int, typer.Option(min=8, max=1024, help="Side of the pictures that the network takes.")] = 224,
    classes: Annotated[int, typer.Option(min=2, max=10_000, help="Classes that it tells apart.")] = 1000,
    measure: Annotated[bool, typer.Option("--measure", help="Build it, and measure its time for one photo.")] = False,
) -> None:
    """Draw a network as SVG, with the shape and the parameters of each layer; print its whole text.

    The text has every number that the given one leaves open. Exit status: 2 when the text is wrong or not there.

    Example: `modelmail design show network.json --pixels 224 --classes 1000 --out network.svg`
    """
    from infra.cli.draw import Drawing, draw

    raise typer.Exit(draw(Drawing(text, out, pixels, classes, measure)))


@design.command()
def string(
    model: Annotated[Path, typer.Argument(metavar="MODEL.h5", help="A model that this project designed.")],
) -> None:
    """Print the architecture that a model keeps, as one line. The model is not loaded.

    Exit status: 2 when it keeps none.

    Example: `modelmail design string model.h5`
    """
    from infra.cli.draw import print_kept

    raise typer.Exit(print_kept(model))
