"""The user's own network: an option, or the file architecture.json of the upload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.errors import UserError
from jobs.options import ARCHITECTURE_MOST
from vm_worker.designs.grammar import parse
from vm_worker.designs.json_text import decoded
from vm_worker.designs.words import ArchitectureError
from vm_worker.intake.dataset import Dataset
from vm_worker.intake.extents import DamagedEntry
from vm_worker.intake.listing import Found
from vm_worker.learn.design.sides import SIDES, side_for
from vm_worker.learn.networks import designed
from vm_worker.results.designs import NetworkPlan

FILE = "architecture.json"
DEEPEST = 2  # parts of its path: it lies beside the folders, or in the one folder around them
CODE = "bad_architecture"
FEWEST_CLASSES = 2


def is_network(parts: Sequence[str]) -> bool:
    """Return whether a file of the upload, by the parts of its path, holds the user's own network."""
    return 0 < len(parts) <= DEEPEST and parts[-1].lower() == FILE  # a damaged zip names files that have no name


def text(found: Sequence[Found]) -> str:
    """Return the text of the upload's file, empty without one. Raises UserError for a file that cannot be read."""
    for one in found:
        if one.extent is not None and is_network(one.parts):
            if one.extent.size > ARCHITECTURE_MOST:
                raise UserError(CODE, f"The text of a network has at most {ARCHITECTURE_MOST:,} bytes.", file=FILE)
            try:
                return decoded(one.extent.read()).strip()
            except DamagedEntry as error:
                raise UserError(CODE, f"The file {error}.", file=FILE) from None
    return ""


def check(architecture: str, dataset: Dataset[Any]) -> None:
    """Raise UserError where the network cannot be read, or does not fit the photos."""
    if wrong := _wrong(architecture, side_for(dataset), len(dataset.truth.names)):
        raise UserError(CODE, wrong)


def check_unseen(architecture: str) -> None:
    """Raise UserError where the network cannot be read, or fits photos of no size; nobody has looked at them yet."""
    wrong = [_wrong(architecture, side, FEWEST_CLASSES) for side in sorted(SIDES)]
    if all(wrong):
        raise UserError(CODE, wrong[-1])


def _wrong(architecture: str, side: int, classes: int) -> str:
    """Say what is wrong with a network for pictures of this side; nothing where it can be built."""
    where = ""
    try:
        parse(architecture)
        where = f"at {side} x {side} pixels, to which a job brings the photos: "
        designed.drawn(NetworkPlan(architecture, side), classes)
    except ArchitectureError as error:
        said = where + str(error)
        said = f"{said[:1].upper()}{said[1:]}"
        return said if said.endswith("?") else f"{said}."
    return ""
