"""Read an upload of labelled photos: find labels and photos, bring them together, and refuse what cannot be used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.listing import Found
from vm_worker.intake.names import claims_photo, clean, counted, is_litter, listed, may_be_photo, shown
from vm_worker.intake.survey import Photo
from vm_worker.tasks.detection.annotations import part_lists, yolo
from vm_worker.tasks.detection.annotations.drawn import DrawnPhoto, Mend, Reading, told
from vm_worker.tasks.detection.annotations.formats import Labels, find_labels
from vm_worker.tasks.detection.annotations.part_lists import PARTS, Listed
from vm_worker.tasks.detection.annotations.photo_names import PhotoNames
from vm_worker.tasks.detection.survey import LabelledSurvey, check_enough

MASKS = frozenset({"segmentationclass", "segmentationobject"})  # folders of Pascal VOC with pictures of outlines
BUCKETS = 3  # groups of photos by their number of boxes, which the split keeps in proportion
BUCKET_LEAST = 5  # photos of a bucket


def read_upload(found: Sequence[Found], limits: Limits) -> LabelledSurvey:
    """Survey an upload. Raises UserError with the code that says what is wrong with its labels."""
    labels = find_labels(found)
    reading = labels.read(limits)
    # Of two files with one path the last.
    photos = {
        item.parts: item.extent
        for item in found
        if item.extent is not None and _may_be_photo(item) and not (labels.voc and _is_mask(item))
    }
    if not photos:
        raise UserError("labels_without_photos", f"There are labels ({labels.titles[0]}), but no photos.")
    drawn, notes = _brought_together(reading, list(photos))
    _check(drawn, len(photos), reading.mended, limits)
    lists = part_lists.read(found, list(photos), limits)
    parts_of = {parts: lists.parts.get(parts, _part(parts, one)) for parts, one in drawn.items()}
    buckets = _buckets([len(one.boxes) for one in drawn.values()])
    rows = sorted((buckets[len(one.boxes)], clean("/".join(parts)), parts, one) for parts, one in drawn.items())
    listing = [
        Photo(name, bucket, parts_of[parts], claims_photo(name), photos[parts]) for bucket, name, parts, _ in rows
    ]
    return LabelledSurvey(
        strata=tuple(sorted({photo.stratum for photo in listing})),
        photos=tuple(listing),
        skipped=_skipped(found, labels, lists, drawn),
        warnings=(
            *notes,
            *reading.notes,
            *_unlabelled(len(photos) - len(drawn)),
            *_alike_classes(drawn),
            *lists.notes,
            *_unlisted(lists, parts_of),
        ),
        ready_made_split=len({photo.part for photo in listing} - {None}) > 1,
        drawn=tuple(one for *_, one in rows),
        mended=reading.mended,
        limits=limits,
        title=labels.titles[0],
    )


def _may_be_photo(item: Found) -> bool:
    return bool(item.parts) and may_be_photo(item.parts[-1]) and not is_litter(item.parts)


def _brought_together(
    reading: Reading, photos: Sequence[tuple[str, ...]]
) -> tuple[dict[tuple[str, ...], DrawnPhoto], list[str]]:
    """Return what is drawn on each photo, and a sentence about labels whose photo is not there."""
    names = PhotoNames(photos)
    found: dict[tuple[str, ...], DrawnPhoto] = {}
    lost = []
    for one in reading.photos:
        index = names.find(one)
        if index is None:
            lost.append(one.photo or "/".join(one.file))
            continue
        before = found.get(photos[index])
        found[photos[index]] = one if before is None else replace(one, boxes=(*before.boxes, *one.boxes))
    if not lost and not found:
        raise UserError("labels_without_photos", "The label files name no photo.")
    if not found:
        raise UserError(
            "labels_without_photos",
            f"None of the labelled photos is there, or several have the name: {listed(lost, 3)}.",
        )
    missing = f"Labels without their photo in the upload: {len(lost):,}, such as {listed(lost, 3)}; they were left out."
    return found, [missing] if lost else []


def _is_mask(item: Found) -> bool:
    return any(part.casefold() in MASKS for part in item.parts[:-1])


def _check(
    drawn: Mapping[tuple[str, ...], DrawnPhoto], photos: int, mended: Mapping[Mend, int], limits: Limits
) -> None:
    boxes = [len(one.boxes) for one in drawn.values()]
    if 2 * len(drawn) < photos:
        raise UserError("photos_without_labels", f"Only {len(drawn):,} of {counted(photos, 'photo')} have labels.")
    check_enough(len(drawn), sum(boxes), limits, told(mended))
    fullest = max(drawn, key=lambda parts: len(drawn[parts].boxes))
    if max(boxes) > limits.photo_boxes_max:
        raise UserError(
            "too_many_boxes",
            f"The photo {shown('/'.join(fullest))} has {max(boxes):,} boxes; {limits.photo_boxes_max:,} are allowed.",
        )
    if sum(boxes) > limits.boxes_max:
        raise UserError("too_many_boxes", f"There are {sum(boxes):,} boxes; {limits.boxes_max:,} are allowed.")
    classes = {box.label for one in drawn.values() for box in one.boxes}
    if len(classes) > limits.box_classes_max:
        raise UserError(
            "too_many_classes",
            f"The boxes have {len(classes):,} classes; at most {limits.box_classes_max} are allowed.",
        )


def _buckets(counts: Sequence[int]) -> dict[int, str]:
    """Return the stratum of each number of boxes: groups of about equally many photos."""
    numbers = sorted(counts)
    cuts = {numbers[len(numbers) * step // BUCKETS] for step in range(1, BUCKETS)}
    edges = sorted(cuts) if len(numbers) >= 2 * BUCKETS * BUCKET_LEAST else []
    bounds = [0, *(edge for edge in edges if edge > 0)]
    place = np.searchsorted(bounds, sorted(set(numbers)), side="right")
    return {count: _bucket(bounds, int(number) - 1) for count, number in zip(sorted(set(numbers)), place, strict=True)}


def _bucket(bounds: Sequence[int], number: int) -> str:
    low = bounds[number]
    if number + 1 == len(bounds):
        return f"{low} or more boxes" if low else "any number of boxes"
    high = bounds[number + 1] - 1
    return f"{low} to {high} boxes" if high > low else f"{low} boxes"


def _part(parts: tuple[str, ...], drawn: DrawnPhoto) -> Part | None:
    """Return the part by a folder of the photo, or by the name of its label file, as in instances_val2017.json."""
    for folder in reversed(parts[:-1]):  # a folder around all may be named "test"
        name = folder.casefold().removeprefix("obj_").removesuffix("_data")  # CVAT's obj_valid_data
        if name.rstrip("0123456789") in PARTS:  # COCO's val2017
            return PARTS[name.rstrip("0123456789")]
    if drawn.by_stem:
        return None
    words = drawn.file[-1].rpartition(".")[0].casefold().replace("-", "_").split("_")
    return next((PARTS[word] for one in words if (word := one.rstrip("0123456789")) in PARTS), None)


def _skipped(
    found: Sequence[Found], labels: Labels, lists: Listed, drawn: Mapping[tuple[str, ...], DrawnPhoto]
) -> tuple[Skipped, ...]:
    """Return the files that are neither labels nor labelled photos."""
    used = {file.parts for file in (*labels.coco, *labels.voc, *labels.yolo, *labels.yolo_names, *lists.files)}
    others = {item.parts: item for item in found if item.extent and item.parts and not is_litter(item.parts)}
    rows = [
        Skipped(
            clean("/".join(parts)), "has no labels" if _may_be_photo(item) else "is neither a photo nor a label file"
        )
        for parts, item in others.items()
        if parts not in used and parts not in drawn and not yolo.is_companion(parts[-1])
    ]
    return tuple(sorted(rows, key=lambda row: row.name))


def _unlabelled(photos: int) -> list[str]:
    if not photos:
        return []
    were = "was" if photos == 1 else "were"
    return [
        f"{counted(photos, 'photo')} without labels {were} left out; labels without a box say that nothing is there."
    ]


def _unlisted(lists: Listed, parts_of: Mapping[tuple[str, ...], Part | None]) -> list[str]:
    """Return a sentence about labelled photos that no list names, where lists give the split.

    A folder for validation or test says as much as a list.
    """
    if not lists.parts:
        return []
    apart = (Part.VALIDATION, Part.TEST)
    names = sorted("/".join(path) for path, part in parts_of.items() if path not in lists.parts and part not in apart)
    if not names:
        return []
    return [f"In no list of a part: {counted(len(names), 'photo')}, such as {listed(names[:2])}; put into train."]


def _alike_classes(drawn: Mapping[tuple[str, ...], DrawnPhoto]) -> list[str]:
    """Return a sentence about names of classes that differ in upper and lower case alone."""
    boxes = Counter(box.label for one in drawn.values() for box in one.boxes)
    same: dict[str, list[str]] = defaultdict(list)
    for name in sorted(boxes):
        same[name.casefold()].append(name)
    alike = [names for names in same.values() if len(names) > 1]
    return [f"Doubtful: the classes {listed(names)} differ in upper and lower case alone." for names in alike]
