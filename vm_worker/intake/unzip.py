"""The way in: what a zip or folder holds, known without unpacking anything."""

from __future__ import annotations

from pathlib import Path

from jobs.limits import Limits
from vm_worker.intake.archives import list_zip
from vm_worker.intake.folders import list_folder
from vm_worker.intake.layout import Photo, Survey, read_layout

__all__ = ["Photo", "Survey", "survey"]


def survey(path: Path, limits: Limits) -> Survey:
    """Classes and photos by names and sizes alone. Nothing is ever extracted by name.

    Raises UserError with a dataset code, and OSError where the file itself cannot be read.
    """
    found = list_folder(path, limits) if path.is_dir() else list_zip(path, limits)
    return read_layout(found, limits)
