"""Keep an architecture in the HDF5 file of its model, and read it there. Nothing of the model is executed."""

from __future__ import annotations

from pathlib import Path

import h5py

from vm_worker.designs.grammar import Architecture, TextLimits, parse
from vm_worker.designs.words import ArchitectureError

ATTRIBUTE = "modelmail_architecture"  # of the file, beside Keras's `model_config`; Keras ignores it
LIMITS = TextLimits(bytes=60_000)  # with every number filled in a text is longer than it was


def keep(model: Path, architecture: Architecture) -> None:
    """Write the architecture into a model.h5."""
    with h5py.File(model, "r+") as file:
        file.attrs[ATTRIBUTE] = str(architecture)


def kept(model: Path) -> Architecture:
    """Read the architecture that a model.h5 keeps. Raises ArchitectureError for other files, OSError without a file."""
    if not model.is_file():
        raise FileNotFoundError(f"there is no file {model}")
    try:
        with h5py.File(model, "r") as file:
            text = _attribute(file)
    except OSError:
        raise ArchitectureError(f"{model} is no HDF5 file") from None
    if not isinstance(text, str):
        raise ArchitectureError(f"{model} keeps no architecture; only models that modelmail designed do")
    try:
        return parse(text, LIMITS)
    except ArchitectureError as error:
        raise ArchitectureError(f"the architecture that {model} keeps was changed or damaged: {error}") from None


def _attribute(file: h5py.File) -> object:
    try:
        return file.attrs.get(ATTRIBUTE)
    except (TypeError, ValueError, RuntimeError):  # of a kind that h5py has no values for
        return None
