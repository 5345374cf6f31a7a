"""Draw boxes on photos, in colours that people who see colours differently tell apart."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from vm_worker.intake.arrays import Pixels
from vm_worker.tasks.detection.boxes import Floats

Colour = tuple[int, int, int]
# Okabe and Ito's colours, also told apart by lines.
FOUND: Colour = (0, 158, 115)
MISSED: Colour = (240, 228, 66)
UNLABELLED: Colour = (213, 94, 0)
SHADE: Colour = (40, 40, 40)
QUALITY = 82  # of JPEG


def annotated(photo: Pixels, boxes: Floats) -> bytes:
    """Return a photo (h, w, 3) with green boxes (n, 4) as JPEG, for a service's answer."""
    image = Image.fromarray(photo)
    frames(image, boxes, FOUND, 1.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def frames(image: Image.Image, boxes: Floats, colour: Colour, scale: float) -> None:
    """Draw boxes (n, 4), in pixels of a picture that is `scale` times as small, on the picture."""
    pen = ImageDraw.Draw(image)
    width = max(2, round(max(image.size) / 240))
    for box in (boxes * scale).tolist():
        pen.rectangle(box, outline=SHADE, width=width + 2)  # yellow is lost on snow
        pen.rectangle(box, outline=colour, width=width)
        if colour == MISSED:  # crossed out: told apart without colours
            pen.line(box, fill=colour, width=max(1, width // 2))
