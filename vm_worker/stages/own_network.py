"""The user's own network: an option, or the file architecture.json of the upload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.errors import UserError
from jobs.options import ARCHITECTURE_MOST
from vm_worker.designs.json_text import decoded
from vm_worker.designs.words import ArchitectureError
from vm_worker.intake.dataset import Dataset
from vm_worker.intake.extents import DamagedEntry
from vm_worker.intake.listing import Found
from vm_worker.learn.design.sides import side_for
from vm_worker.learn.networks import designed
from vm_worker.results.designs import NetworkPlan

FILE = "architecture.json"
DEEPEST = 2  # parts of its path: it lies beside the folders, or in the one folder around them
CODE = "bad_architecture"


def text(found: Sequence[Found]) -> str:
    """Return the text of the upload's file, empty without one. Raises UserError for a file that cannot be read."""
    for one in found:
        if one.extent is not None and len(one.parts) <= DEEPEST and one.parts[-1].lower() == FILE:
            if one.extent.size > ARCHITECTURE_MOST:
                raise UserError(CODE, f"The text of a network has at most {ARCHITECTURE_MOST:,} bytes.", file=FILE)
            try:
                return decoded(one.extent.read()).strip()
            except DamagedEntry as error:
                raise UserError(CODE, f"The file {error}.", file=FILE) from None
    return ""


def check(architecture: str, dataset: Dataset[Any]) -> None:
    """Raise UserError where the network cannot be read, or does not fit the photos."""
    try:
        designed.drawn(NetworkPlan(architecture, side_for(dataset)), len(dataset.truth.names))
    except ArchitectureError as error:
        raise UserError(CODE, f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
