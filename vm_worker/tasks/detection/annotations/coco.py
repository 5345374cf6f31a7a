"""COCO's JSON, as Roboflow, CVAT, Label Studio and others write it.

The format is by cocodataset.org (Lin et al., 2014): images, categories and annotations, tied by numbers. The numbers
are not trusted to be unique, to begin anywhere or to have no gaps: classes are known by their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.limits import Limits
from vm_worker.intake.names import counted, shown
from vm_worker.tasks.detection.annotations import rle
from vm_worker.tasks.detection.annotations.drawn import DrawnBox, DrawnPhoto, Mend, Reading, joined
from vm_worker.tasks.detection.annotations.label_files import LabelFile, around, check_sizes, class_name, numbers

Outline = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class _Image:
    name: str
    size: tuple[int, int] | None


def read(files: Sequence[LabelFile], limits: Limits) -> Reading:
    """Read JSON files. Raises UserError `labels_unreadable` with the first file that is no COCO, `too_large_zip`."""
    check_sizes(files, limits)
    reading = joined(map(_bounded, files))
    if not any(photo.boxes for photo in reading.photos):
        for file in files:
            if b'"segments_info"' in file.read():
                raise file.unreadable("is COCO's panoptic JSON, which is not read here; its instances are")
    return reading


def _bounded(file: LabelFile) -> Reading:
    try:
        return _read(file, rle.Work())
    except rle.TooMuchWork as error:
        raise file.unreadable(str(error)) from error


def _read(file: LabelFile, work: rle.Work) -> Reading:
    content = file.json()
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise file.unreadable("has no list of images, as COCO's files have")
    names = _categories(content)
    images, notes = _images(content)
    mended: Counter[Mend] = Counter()
    boxes: dict[str, list[DrawnBox]] = {key: [] for key in images}
    numbers_used: Counter[str] = Counter()
    for one in _dictionaries(content, "annotations"):
        if not one.keys() & {"bbox", "segmentation", "category_id"}:
            continue  # a caption
        box = _box(one, names, mended, work)
        if box is None:
            continue
        numbers_used[_key(one.get("id"))] += 1
        home = boxes.get(_key(one.get("image_id")))
        if home is None:
            mended[Mend.HOMELESS] += 1
        else:
            home.append(box)
    doubled = sum(count > 1 for number, count in numbers_used.items() if number != "None")
    if doubled:
        notes.append(f"In {shown(file.name)} {counted(doubled, 'number')} of annotations stood twice; none was lost.")
    photos = [DrawnPhoto(file.parts, image.name, tuple(boxes[key]), image.size) for key, image in images.items()]
    return Reading(tuple(photos), dict(mended), tuple(notes))


def _key(number: object) -> str:
    """Return the number of an image or class as text: 1, 1.0 and "1" are one number."""
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def _dictionaries(content: dict[object, object], key: str) -> Iterator[dict[object, object]]:
    listed = content.get(key)
    return (one for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict))


def _categories(content: dict[object, object]) -> dict[str, str]:
    """Return the names of the classes by their numbers. A grouping class that no box uses does no harm here."""
    rows = _dictionaries(content, "categories")
    return {_key(row.get("id")): class_name(row.get("name")) for row in rows}


def _images(content: dict[object, object]) -> tuple[dict[str, _Image], list[str]]:
    """Return the images by their numbers, and sentences about numbers that stand for two images."""
    images: dict[str, _Image] = {}
    twice: dict[str, str] = {}
    for row in _dictionaries(content, "images"):
        key, name = _key(row.get("id")), row.get("file_name")
        if not isinstance(name, str) or not name:
            continue
        if key in images and images[key].name != name:
            twice[key] = name
        images[key] = _Image(name, _size(row))
    for key in twice:  # nobody can say which of the two the boxes belong to
        del images[key]
    note = f"{counted(len(twice), 'number')} of images stood for two photos each; these were left out."
    return images, [note] if twice else []


def _size(row: dict[object, object]) -> tuple[int, int] | None:
    sides = numbers([row.get("width"), row.get("height")])
    return (int(sides[0]), int(sides[1])) if sides and min(sides) >= 1 else None


def _box(row: dict[object, object], names: dict[str, str], mended: Counter[Mend], work: rle.Work) -> DrawnBox | None:
    label = names.get(_key(row.get("category_id")), "")
    if not label:
        mended[Mend.NAMELESS] += 1
        return None
    segmentation = row.get("segmentation")
    outline, mask = _outline(segmentation, work), _mask(segmentation, work)
    if row.get("iscrowd") == 1 and not (mask.connected if mask else len(outline) == 1):
        mended[Mend.CROWD] += 1
        return None
    corners = numbers(row.get("bbox"), 4)
    if corners is not None:
        left, top, width, height = corners
        return DrawnBox(label, (left, top, left + width, top + height), outline)
    if outline or mask:
        mended[Mend.OUTLINED] += 1
        return DrawnBox(label, mask.xyxy if mask else around([x for part in outline for x in part]), outline)
    mended[Mend.UNREADABLE] += 1
    return None


def _outline(segmentation: object, work: rle.Work) -> Outline:
    if not isinstance(segmentation, list):
        return ()
    work.spend(rle.PART_WORK * len(segmentation))
    parts = [numbers(part) for part in segmentation]
    return tuple(part for part in parts if part is not None and len(part) >= 6 and len(part) % 2 == 0)


def _mask(segmentation: object, work: rle.Work) -> rle.Area | None:
    if not isinstance(segmentation, dict):
        return None
    return rle.area(segmentation.get("size"), segmentation.get("counts"), work)
