"""Draw boxes on photos, in colours that people who see colours differently tell apart."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from vm_worker.intake.arrays import Pixels
from vm_worker.tasks.detection.boxes import Detections, Floats
from vm_worker.tasks.detection.engine.outlines import outline

Colour = tuple[int, int, int]
# Okabe and Ito's colours, also told apart by lines.
FOUND: Colour = (0, 158, 115)
MISSED: Colour = (240, 228, 66)
UNLABELLED: Colour = (213, 94, 0)
SHADE: Colour = (40, 40, 40)
QUALITY = 82  # of JPEG


def annotated(photo: Pixels, found: Detections) -> bytes:
    """Return a photo (h, w, 3) with green boxes or outlines as JPEG, for a service's answer."""
    image = Image.fromarray(photo)
    drawn(image, found, FOUND, 1.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def drawn(image: Image.Image, found: Detections, colour: Colour, scale: float) -> None:
    """Draw what was found on a picture that is `scale` times as large as the photo: outlines, else boxes."""
    if found.masks is None:
        frames(image, found.xyxy, colour, scale)
        return
    pen, width = ImageDraw.Draw(image), _width(image)
    for mask, box in zip(found.masks, found.xyxy, strict=True):
        points = [(x, y) for x, y in (outline(mask, box) * scale).tolist()]
        for tint, wide in ((SHADE, width + 2), (colour, width)):
            pen.line([*points, points[0]], fill=tint, width=wide)


def _width(image: Image.Image) -> int:
    return max(2, round(max(image.size) / 240))


def frames(image: Image.Image, boxes: Floats, colour: Colour, scale: float) -> None:
    """Draw boxes (n, 4), in pixels of a picture that is `scale` times as small, on the picture."""
    pen = ImageDraw.Draw(image)
    width = _width(image)
    for box in (boxes * scale).tolist():
        pen.rectangle(box, outline=SHADE, width=width + 2)  # yellow is lost on snow
        pen.rectangle(box, outline=colour, width=width)
        if colour == MISSED:  # crossed out: told apart without colours
            pen.line(box, fill=colour, width=max(1, width // 2))
