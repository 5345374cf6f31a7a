"""Write finds in COCO's format, for annotation tools that show them as a first draft."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from jobs.json_values import Json, JsonObject
from vm_worker.tasks.detection.boxes import Detections
from vm_worker.tasks.detection.engine.outlines import polygon_area, polygons


@dataclass(frozen=True)
class PhotoFinds:
    """The finds in one photo."""

    name: str  # of its file
    width: int  # pixels
    height: int
    found: Detections


def file_names(paths: Sequence[str]) -> list[str]:
    """Return the names of photos without their folders; with those that differ, where two photos have one name."""
    names = [PurePath(path).name for path in paths]
    if len(set(names)) == len(names):
        return names
    above = os.path.commonpath([PurePath(path).parent for path in paths])
    return [PurePath(path).relative_to(above).as_posix() for path in paths]


def document(photos: Sequence[PhotoFinds], classes: Sequence[str]) -> JsonObject:
    """Return the finds as COCO's JSON values, with their scores."""
    images: list[Json] = [
        {"id": number, "file_name": photo.name, "width": photo.width, "height": photo.height}
        for number, photo in enumerate(photos, 1)
    ]
    annotations: list[Json] = []
    for number, photo in enumerate(photos, 1):
        found = photo.found
        rows = zip(found.xyxy.tolist(), found.scores.tolist(), found.classes.tolist(), polygons(found), strict=True)
        for box, score, kind, polygon in rows:
            left, top, right, bottom = (round(side, 2) for side in box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": kind + 1,
                    "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
                    "area": round(polygon_area(polygon) if polygon else (right - left) * (bottom - top), 2),
                    "iscrowd": 0,
                    "score": round(score, 4),
                    **({"segmentation": [[side for point in polygon for side in point]]} if polygon else {}),
                }
            )
    categories: list[Json] = [{"id": number, "name": name} for number, name in enumerate(classes, 1)]
    return {"images": images, "categories": categories, "annotations": annotations}
