"""Small uploads of labelled photos, in every layout that annotation tools export."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 96, 64
NAMES = ("cat", "dog")

Entries = dict[str, bytes]


@dataclass(frozen=True)
class Drawn:
    """A photo of coloured squares, with their boxes in pixels."""

    name: str
    boxes: tuple[tuple[int, float, float, float, float], ...]  # class, left, top, right, bottom
    jpeg: bytes


def photos(count: int = 12, seed: int = 1) -> list[Drawn]:
    """Photos with 0 to 4 squares each."""
    random = np.random.default_rng(seed)
    return [photo(f"p{number:03d}.jpg", number % 5, random) for number in range(count)]


def photo(name: str, squares: int, random: np.random.Generator) -> Drawn:
    pixels = random.integers(90, 130, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    boxes = []
    for number in range(squares):
        side = int(random.integers(10, 20))
        left, top = int(random.integers(0, WIDTH - side)), int(random.integers(0, HEIGHT - side))
        kind = number % 2
        pixels[top : top + side, left : left + side] = (230, 30, 30) if kind else (30, 30, 230)
        boxes.append((kind, float(left), float(top), float(left + side), float(top + side)))
    return Drawn(name, tuple(boxes), jpeg(pixels))


def jpeg(pixels: np.ndarray, orientation: int = 1) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


def write(path: Path, entries: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def coco(drawn: Sequence[Drawn], root: bool = False, folder: str = "") -> dict[str, object]:
    """COCO's JSON; with `root`, a grouping class stands first, as Roboflow writes it."""
    start = 1 if root else 0
    categories = [{"id": start + n, "name": name, "supercategory": "animals"} for n, name in enumerate(NAMES)]
    annotations = [
        {
            "id": len(drawn) * number + place,
            "image_id": number,
            "category_id": start + kind,
            "bbox": [left, top, right - left, bottom - top],
            "area": (right - left) * (bottom - top),
            "segmentation": [],
            "iscrowd": 0,
        }
        for number, one in enumerate(drawn)
        for place, (kind, left, top, right, bottom) in enumerate(one.boxes)
    ]
    return {
        "images": [
            {"id": number, "file_name": folder + one.name, "width": WIDTH, "height": HEIGHT}
            for number, one in enumerate(drawn)
        ],
        "categories": [*([{"id": 0, "name": "animals", "supercategory": "none"}] if root else []), *categories],
        "annotations": annotations,
    }


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def roboflow_coco(drawn: Sequence[Drawn]) -> Entries:
    parts = {"train": drawn[:-6], "valid": drawn[-6:-3], "test": drawn[-3:]}
    entries: Entries = {"README.roboflow.txt": b"exported"}
    for part, some in parts.items():
        entries[f"{part}/_annotations.coco.json"] = as_json(coco(some, root=True))
        entries |= {f"{part}/{one.name}": one.jpeg for one in some}
    return entries


def cvat_coco(drawn: Sequence[Drawn]) -> Entries:
    return {
        "annotations/instances_default.json": as_json(coco(drawn)),
        **{f"images/{one.name}": one.jpeg for one in drawn},
    }


def label_studio_coco(drawn: Sequence[Drawn]) -> Entries:
    return {
        "result.json": as_json(coco(drawn, folder="..\\..\\label-studio\\data\\media\\upload\\1\\")),
        **{f"images/{one.name}": one.jpeg for one in drawn},
    }


def voc_xml(one: Drawn, filename: str = "") -> bytes:
    objects = "".join(
        f"<object><name>{NAMES[kind]}</name><difficult>0</difficult><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for kind, left, top, right, bottom in one.boxes
    )
    return (
        f"<annotation><folder>f</folder><filename>{filename or one.name}</filename><path>C:\\data\\{one.name}</path>"
        f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>{objects}</annotation>"
    ).encode()


def labelimg_voc(drawn: Sequence[Drawn]) -> Entries:
    entries: Entries = {}
    for one in drawn:
        entries |= {f"photos/{one.name}": one.jpeg, f"photos/{one.name[:-4]}.xml": voc_xml(one)}
    return entries


def cvat_voc(drawn: Sequence[Drawn]) -> Entries:
    entries: Entries = {"labelmap.txt": b"# label:color_rgb:parts:actions\ncat:::\n"}
    entries["ImageSets/Main/default.txt"] = "\n".join(one.name[:-4] for one in drawn).encode()
    for one in drawn:
        entries |= {f"JPEGImages/{one.name}": one.jpeg, f"Annotations/{one.name[:-4]}.xml": voc_xml(one)}
    return entries


def yolo_txt(one: Drawn) -> bytes:
    lines = [
        f"{kind} {(left + right) / 2 / WIDTH:.6f} {(top + bottom) / 2 / HEIGHT:.6f} "
        f"{(right - left) / WIDTH:.6f} {(bottom - top) / HEIGHT:.6f}\n"
        for kind, left, top, right, bottom in one.boxes
    ]
    return "".join(lines).encode()


def roboflow_yolo(drawn: Sequence[Drawn]) -> Entries:
    entries: Entries = {"data.yaml": b"train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['cat', 'dog']\n"}
    for number, one in enumerate(drawn):
        part = "valid" if number % 4 == 0 else "train"
        entries |= {f"{part}/images/{one.name}": one.jpeg, f"{part}/labels/{one.name[:-4]}.txt": yolo_txt(one)}
    return entries


def ultralytics_yolo(drawn: Sequence[Drawn]) -> Entries:
    entries: Entries = {"data.yaml": b"path: .\ntrain: train.txt\nnames:\n  0: cat  # a pet\n  1: 'dog'\n"}
    entries["train.txt"] = "".join(f"data/images/train/{one.name}\n" for one in drawn).encode()
    for one in drawn:
        entries |= {f"images/train/{one.name}": one.jpeg, f"labels/train/{one.name[:-4]}.txt": yolo_txt(one)}
    return entries


def darknet_yolo(drawn: Sequence[Drawn]) -> Entries:
    entries: Entries = {"obj.names": b"cat\ndog\n", "obj.data": b"classes = 2\nnames = data/obj.names\n"}
    entries["train.txt"] = "".join(f"data/obj_train_data/{one.name}\n" for one in drawn).encode()
    for one in drawn:
        entries |= {f"obj_train_data/{one.name}": one.jpeg, f"obj_train_data/{one.name[:-4]}.txt": yolo_txt(one)}
    return entries


def label_studio_yolo(drawn: Sequence[Drawn]) -> Entries:
    """Labels without their photos: one's own lie beside them, without the digits that an upload puts before a name."""
    classes = [{"id": number, "name": name} for number, name in enumerate(NAMES)]
    notes = {"categories": classes, "info": {"year": 2026, "contributor": "Label Studio"}}
    entries: Entries = {"classes.txt": b"cat\ndog", "notes.json": json.dumps(notes, indent=2).encode()}
    for one in drawn:
        entries |= {f"images/{one.name}": one.jpeg, f"labels/1a2b3c4d-{one.name[:-4]}.txt": yolo_txt(one)}
    return entries


def windows_coco(drawn: Sequence[Drawn]) -> Entries:
    """As a script of Windows PowerShell writes it: in UTF-16, numbers as texts."""
    content = coco(drawn)
    for row in content["annotations"]:  # type: ignore[attr-defined]
        row.update(image_id=str(row["image_id"]), category_id=str(row["category_id"]), bbox=list(map(str, row["bbox"])))
    text = json.dumps(content, indent=2).replace("\n", "\r\n")
    return {"labels.json": text.encode("utf-16"), **{f"photos/{one.name}": one.jpeg for one in drawn}}


LAYOUTS: Mapping[str, Callable[[Sequence[Drawn]], Entries]] = {
    one.__name__: one
    for one in (
        roboflow_coco,
        cvat_coco,
        label_studio_coco,
        label_studio_yolo,
        windows_coco,
        labelimg_voc,
        cvat_voc,
        roboflow_yolo,
        ultralytics_yolo,
        darknet_yolo,
    )
}
