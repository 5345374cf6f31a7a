"""The survey of an upload of labelled photos: which photos there are, and what is drawn on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.extents import Shape
from vm_worker.intake.names import counted, listed
from vm_worker.intake.split import Split, SplitRows
from vm_worker.intake.survey import Summary, Survey
from vm_worker.tasks.detection.annotations.drawn import DrawnPhoto, Mend, told
from vm_worker.tasks.detection.annotations.placing import Placed, place
from vm_worker.tasks.detection.boxes import Floats, LabelledPhoto, area, iou
from vm_worker.tasks.detection.split import Divided, divide

TINY = 6  # pixels across; the smallest of the networks' cells is larger
MANY = 0.25  # of the boxes; that many objects are hardly cut by the edge and drawn past it
SAME = 0.9  # IoU from which two boxes of a class are probably one object


@dataclass(frozen=True)
class LabelledSurvey(Survey):
    """The photos with their marks; once they were opened, with their boxes."""

    drawn: tuple[DrawnPhoto, ...] = ()  # one a photo
    mended: Mapping[Mend, int] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    title: str = ""  # the format of the labels
    labelled: tuple[LabelledPhoto, ...] = ()  # one a photo, once they were opened

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that have boxes, sorted."""
        return tuple(sorted({box.label for drawn in self.drawn for box in drawn.boxes}))

    def measured(self, shapes: Sequence[Shape]) -> Self:
        """Return the survey with boxes in pixels of the photos. Photos that could not be opened get none."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        pairs = zip(self.photos, self.drawn, shapes, strict=True)
        placed = [place(drawn, photo.name, _known(shape, drawn), numbers) for photo, drawn, shape in pairs]
        mended = Counter(self.mended)
        for one in placed:
            mended.update(one.mended)
        labelled = tuple(one.photo for one in placed)
        warnings = (*self.warnings, *told(mended), *_moved(placed), *_cut(mended, labelled), *_doubtful(labelled))
        return replace(self, labelled=labelled, mended=dict(mended), warnings=warnings)

    def divide(self, kept: Sequence[int], rows: SplitRows, seed: int) -> Split:
        """Assign a part to each photo of `rows`, which are those with the indices `kept` here."""
        divided = Divided(
            names=[self.photos[index].name for index in kept],
            contents=[photo.content for photo in rows.photos],
            groups=rows.groups.tolist(),
            boxes=[len(self.labelled[index].boxes) for index in kept],
            given=rows.given,
        )
        return divide(divided, seed)

    def summary(self, usable: Sequence[int]) -> Summary:
        """Return the numbers of photos, boxes and classes, and the sizes of the boxes."""
        if not self.labelled:
            boxes = Counter(box.label for index in usable for box in self.drawn[index].boxes)
            return Summary("", tuple(sorted(boxes.items())), "boxes")
        photos = [self.labelled[index] for index in usable]
        counts = np.bincount(_classes(photos), minlength=len(self.classes)).tolist()
        rows = tuple(zip(self.classes, counts, strict=True))
        read = f"Labels read: {self.title}." if self.title else ""
        said = (_numbers(photos, len(self.classes)), _sizes(photos), read)
        return Summary(" ".join(filter(None, said)), rows, "boxes")

    def check(self, kept: Sequence[int]) -> None:
        """Check that enough boxes lie in the photos `kept`, once they were opened.

        Raises UserError: labels_unreadable where most boxes are lost, too_few_boxes.
        """
        boxes = sum(len(self.labelled[index].boxes) for index in kept)
        lost = sum(self.mended.get(mend, 0) for mend in (Mend.OUTSIDE, Mend.EMPTY))
        if lost > boxes:
            shares = any(self.drawn[index].relative for index in kept)
            are = "shares of the photo's width and height, from 0 to 1" if shares else "pixels of the photo"
            raise UserError(
                "labels_unreadable",
                f"Of {boxes + lost:,} boxes, {lost:,} lie outside their photos or have no area there: the numbers of "
                f"{self.title or 'these'} labels must be {are}.",
            )
        check_enough(len(kept), boxes, self.limits, told(self.mended))


def _known(shape: Shape, drawn: DrawnPhoto) -> Shape:
    """Return the photo's shape, or that of its labels where the photo could not be opened."""
    return shape if shape.width and shape.height else Shape(*(drawn.size or (1, 1)))


def _numbers(photos: Sequence[LabelledPhoto], classes: int) -> str:
    boxes = [len(photo.boxes) for photo in photos]
    empty = boxes.count(0)
    background = f", {counted(empty, 'photo')} without any" if empty else ""
    kinds = "1 class" if classes == 1 else f"{classes:,} classes"
    most = f"{np.mean(boxes) if boxes else 0:.1f} a photo, at most {max(boxes, default=0):,}"
    return f"{counted(len(photos), 'photo')} with {sum(boxes):,} boxes of {kinds}: {most}{background}."


def _sizes(photos: Iterable[LabelledPhoto]) -> str:
    across = np.sqrt(area(_all(photos)))
    if not len(across):
        return ""
    low, middle, high = np.percentile(across, [5, 50, 95])
    return f"Boxes are {middle:.0f} pixels across in the middle; nine in ten are from {low:.0f} to {high:.0f}."


def _all(photos: Iterable[LabelledPhoto]) -> Floats:
    return np.concatenate([np.zeros((0, 4), np.float32), *(photo.boxes.xyxy for photo in photos)])


def _classes(photos: Iterable[LabelledPhoto]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate([np.zeros(0, np.int64), *(photo.boxes.classes for photo in photos)])


def _moved(placed: Sequence[Placed]) -> list[str]:
    """Return sentences about labels that were drawn on the photo as it lay, or on one of another size."""
    turned = sum(one.turned for one in placed)
    stretched = [one.photo.name for one in placed if one.stretched]
    scaled = sum(one.scaled and not one.stretched for one in placed)
    rows = [
        (
            turned,
            f"The labels of {counted(turned, 'photo')} fitted the photo as it lies, not upright; they were turned.",
        ),
        (
            scaled,
            f"The labels of {counted(scaled, 'photo')} were drawn at another size of the photo; they were scaled.",
        ),
        (
            len(stretched),
            f"Of {counted(len(stretched), 'photo')} the labels say another shape than the photo has, such as "
            f"{listed(stretched, 2)}; look whether the boxes fit.",
        ),
    ]
    return [sentence for count, sentence in rows if count]


def _cut(mended: Mapping[Mend, int], photos: Iterable[LabelledPhoto]) -> list[str]:
    """Return a sentence where so many boxes reach over the edge that they may be in another form than was read."""
    boxes, cut = sum(len(photo.boxes) for photo in photos), mended.get(Mend.CLIPPED, 0)
    if cut < MANY * boxes or not cut:
        return []
    return [f"Doubtful: {cut:,} of {boxes:,} boxes reach over the edge of their photo; look whether they fit at all."]


def _doubtful(photos: Sequence[LabelledPhoto]) -> list[str]:
    """Return sentences about labels that a person should look at again; they are used as they are."""
    tiny = sum(int(np.sum(np.sqrt(area(photo.boxes.xyxy)) < TINY)) for photo in photos)
    twice = {photo.name: _twice(photo) for photo in photos}
    same = [name for name, count in twice.items() if count]
    found = sum(twice.values())
    rows = [
        (tiny, f"Doubtful: {_boxes(tiny)} less than {TINY} pixels across."),
        (found, f"Doubtful: {_boxes(found)} nearly on another one of the same class, as in {listed(same, 2)}."),
    ]
    return [sentence for count, sentence in rows if count]


def _boxes(count: int) -> str:
    return "1 box is" if count == 1 else f"{count:,} boxes are"


def _twice(photo: LabelledPhoto) -> int:
    """Count the boxes that lie nearly on an earlier one of their class."""
    boxes = photo.boxes
    overlaps = np.triu(iou(boxes.xyxy, boxes.xyxy), 1) * (boxes.classes[:, None] == boxes.classes[None, :])
    return int(np.sum(overlaps.max(axis=0, initial=0.0) >= SAME))


def check_enough(photos: int, boxes: int, limits: Limits, lost: Sequence[str] = ()) -> None:
    """Check that there are enough labelled photos and boxes; `lost` says what was left out of them.

    Raises UserError `too_few_boxes`.
    """
    if photos < limits.box_photos_min or boxes < limits.boxes_min:
        said = (
            f"There are {counted(photos, 'photo')} with labels that can be read, and {boxes:,} boxes; at least "
            f"{limits.box_photos_min} photos and {limits.boxes_min} boxes are needed."
        )
        raise UserError("too_few_boxes", " ".join([said, *lost]))
