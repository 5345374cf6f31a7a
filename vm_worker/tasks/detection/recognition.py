"""Recognise uploads of photos with labelled boxes."""

from __future__ import annotations

from collections.abc import Sequence

from vm_worker.intake.listing import Found
from vm_worker.tasks.detection.annotations.formats import find_labels


def recognises(found: Sequence[Found]) -> bool:
    """Return whether an upload holds labels of boxes, in a format that is read here or in one that can be named."""
    labels = find_labels(found)
    return bool(labels.titles or labels.foreign)
