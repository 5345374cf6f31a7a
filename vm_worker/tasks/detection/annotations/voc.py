"""Pascal VOC: one XML file a photo, as labelImg, CVAT and Roboflow write it.

The format is by the development kit of the PASCAL Visual Object Classes Challenge (Everingham et al., 2010).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from jobs.limits import Limits
from vm_worker.tasks.detection.annotations.drawn import DrawnBox, DrawnPhoto, Mend, Reading
from vm_worker.tasks.detection.annotations.label_files import LabelFile, around, check_sizes, class_name, finite
from vm_worker.tasks.detection.annotations.markup import BadMarkup, Element, parse

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read(files: Sequence[LabelFile], limits: Limits) -> Reading:
    """Read XML files. Raises UserError `labels_unreadable` with the first file that is no XML, and `too_large_zip`."""
    check_sizes(files, limits)
    mended: Counter[Mend] = Counter()
    photos = tuple(photo for file in files if (photo := _photo(file, mended)) is not None)
    return Reading(photos, dict(mended))


def _photo(file: LabelFile, mended: Counter[Mend]) -> DrawnPhoto | None:
    try:
        root = parse(file.read())
    except BadMarkup as error:
        raise file.unreadable(str(error)) from error
    if root.name != "annotation":
        return None
    boxes = [box for one in root.all("object") if (box := _box(one, mended)) is not None]
    return DrawnPhoto(file.parts, root.text_of("filename"), tuple(boxes), _size(root), by_stem=True)


def _box(element: Element, mended: Counter[Mend]) -> DrawnBox | None:
    label = class_name(element.text_of("name"))
    if not label:
        mended[Mend.NAMELESS] += 1
        return None
    drawn, outline = element.first("bndbox"), _outline(element)
    corners = finite([drawn.text_of(name) for name in CORNERS]) if drawn else None
    if corners is not None:
        left, top, right, bottom = corners
        return DrawnBox(label, (left, top, right, bottom), outline)
    if outline:
        mended[Mend.OUTLINED] += 1
        return DrawnBox(label, around(outline[0]), outline)
    mended[Mend.UNREADABLE] += 1
    return None


def _outline(element: Element) -> tuple[tuple[float, ...], ...]:
    """Return the polygon that Roboflow writes as x1, y1, x2, y2, ...; none where there is no whole one."""
    polygon = element.first("polygon")
    points = finite([child.text for child in polygon.children]) if polygon else None
    return (points,) if points and len(points) >= 6 and len(points) % 2 == 0 else ()


def _size(root: Element) -> tuple[int, int] | None:
    """Return the declared width and height; None where they are missing or 0, as some tools write."""
    size = root.first("size")
    sides = finite([size.text_of("width"), size.text_of("height")]) if size else None
    return (int(sides[0]), int(sides[1])) if sides and min(sides) >= 1 else None
