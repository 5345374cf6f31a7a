"""What is sent of a folder: photos, and files that a task may read as labels; all else stays on this machine.

The upload page goes by the same rule (templates/assets/kinds.js).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from jobs.folders import Entry, opened
from vm_worker.intake.names import is_photo, suffix
from vm_worker.tasks.detection.annotations.photo_names import key, keys, stem

# Of COCO, YOLO, darknet and this project's own designs: any name may be meant.
LABEL_SUFFIXES = frozenset({"json", "yaml", "yml", "names", "labels", "data"})
# A text beside a photo of the same name has its boxes (YOLO, Pascal VOC); these stand for all photos.
PHOTO_LABEL_SUFFIXES = frozenset({"txt", "xml"})
LISTS = frozenset(
    {"annotations.xml", "classes.txt", "labels.txt", "train.txt", "trainval.txt", "val.txt", "valid.txt", "test.txt"}
)


def sifted(files: Sequence[Entry]) -> list[Entry]:
    """Return the files that are sent, in order; none where none is a photo. Raises OSError for an unreadable one."""
    photos = {entry.name for entry in files if _is_photo(entry)}
    if not photos:
        return []
    stems = {key(stem(PurePosixPath(name).name)) for name in photos}
    return [entry for entry in files if entry.name in photos or is_labels(entry.parts[-1], stems)]


def is_labels(name: str, stems: set[str]) -> bool:
    """Return whether a task may read a file of this name as labels.

    `stems`: keys of the photos' names, without their endings.
    """
    if suffix(name) in LABEL_SUFFIXES or name.lower() in LISTS:
        return True
    return suffix(name) in PHOTO_LABEL_SUFFIXES and not stems.isdisjoint(keys(stem(name)))


def _is_photo(entry: Entry) -> bool:
    def head(count: int) -> bytes:
        with opened(entry) as file:
            return file.read(count)

    return is_photo(entry.parts[-1], head)
