"""`modelmail design`: a network as a picture, and the text of a model."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.cli.screen import Screen, quiet
from infra.local.environment import hush_tensorflow
from vm_worker.designs import grammar
from vm_worker.designs.drawing import svg
from vm_worker.designs.json_text import MARK, decoded
from vm_worker.designs.kept import kept
from vm_worker.designs.layers import Given, Network, network
from vm_worker.designs.words import ArchitectureError

WRONG = 2  # exit status
PATH_MOST = 4096  # characters of a path, as Linux has it
HDF5 = b"\x89HDF\r\n\x1a\n"  # the first bytes of a model.h5


@dataclass(frozen=True)
class Drawing:
    """What to draw, where to, and for which pictures."""

    text: str  # an architecture, or a path
    out: Path
    pixels: int
    classes: int
    measure: bool


def draw(wish: Drawing) -> int:
    """Write the picture and print the whole text; return the exit status."""
    screen = Screen()
    try:
        found = network(grammar.parse(given_text(wish.text)), Given(wish.pixels, wish.classes))
    except (ArchitectureError, OSError) as error:
        screen.say(str(error))
        return WRONG
    captions = _captions(found)
    try:
        wish.out.write_text(svg(found, captions), encoding="utf-8")
        if wish.measure:  # after the picture: it takes a while, and the path may be wrong
            with quiet(screen):
                captions.append(_measured(found))
            wish.out.write_text(svg(found, captions), encoding="utf-8")
    except OSError as error:
        screen.say(f"The picture cannot be written: {error}. Give another path with --out.")
        return WRONG
    for line in (*captions, f"The picture is {wish.out}.", str(found.architecture)):
        screen.say(line)
    return 0


def print_kept(model: Path) -> int:
    """Print the text that a model keeps; return the exit status."""
    try:
        text = str(kept(model))
    except (ArchitectureError, OSError) as error:
        Screen(to_stderr=True).say(str(error))
        return WRONG
    sys.stdout.write(text + "\n")
    return 0


def given_text(given: str) -> str:
    """Return the given architecture, or that in the given file. Raises ArchitectureError, or OSError without a file."""
    if given.removeprefix(MARK).lstrip()[:1] in ("[", "{"):
        return given
    path = Path(given)
    if len(given) > PATH_MOST or not path.is_file():
        folder = len(given) <= PATH_MOST and path.is_dir()
        found = f"{given} is a folder" if folder and given else f'there is no file "{given[:200]}"'
        raise ArchitectureError(f'an architecture begins with [ or {{, as in ["SOFTMAX"], and {found}')
    with path.open("rb") as file:
        data = file.read(grammar.TextLimits.bytes + 1)
    if data.startswith(HDF5):
        raise ArchitectureError(f"{given} is a model; modelmail design string prints the text that it keeps")
    if len(data) > grammar.TextLimits.bytes:
        raise ArchitectureError(f"{given} has more than {grammar.TextLimits.bytes:,} bytes; no architecture has")
    return decoded(data)


def _captions(found: Network) -> list[str]:
    given, cost = found.given, found.cost
    return [
        f"Pictures of {given.pixels} x {given.pixels} pixels, {given.classes:,} classes",
        f"{cost.parameters:,} parameters, {cost.multiply_adds:,} multiply-adds a picture",
    ]


def _measured(found: Network) -> str:
    """Return the milliseconds for one photo, as a sentence."""
    hush_tensorflow()
    from vm_worker.designs.builder import build
    from vm_worker.learn.latency import measurement, tflite

    with tempfile.TemporaryDirectory(prefix="modelmail-") as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(tflite.float32(build(found)))
        try:
            figures = measurement.measure([path])[path]
        except measurement.NotMeasured as error:
            return f"Not measured: {error}"
    one, every = figures.one.median, figures.all.median
    return f"{one:.3g} ms a photo on one core of this machine, {every:.3g} ms on all (TFLite, float32, median)"
