"""What annotation tools and homemade scripts really write is read as it was meant, or refused by its name."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.detection import label_zips
from tests.unit.detection.label_zips import HEIGHT, NAMES, WIDTH, Drawn, Entries, as_json, coco, voc_xml, yolo_txt
from tests.unit.detection.test_layouts import surveyed
from vm_worker.intake.dataset import Part

DRAWN = tuple(label_zips.photos())
BOXES = sum(len(one.boxes) for one in DRAWN)
YAML = b"path: ../datasets/pets\ntrain: images/train\nnames:\n  0: cat\n  1: dog\n"
FORMS = {"NFC": "Grüne Äpfel ", "NFD": unicodedata.normalize("NFD", "Grüne Äpfel ")}


def renamed(before: str) -> list[Drawn]:
    return [replace(one, name=before + one.name) for one in DRAWN]


def beside(drawn: list[Drawn], folder: str = "images/") -> Entries:
    return {f"{folder}{one.name}": one.jpeg for one in drawn}


def yolo(line: Callable[[int, list[float]], str], yaml: bytes = YAML) -> Entries:
    """An upload in Ultralytics' layout; `line` makes one from a class and a box's corners as shares."""
    entries: Entries = {"data.yaml": yaml, **beside(list(DRAWN), "images/train/")}
    for one in DRAWN:
        shares = [(kind, [x1 / WIDTH, y1 / HEIGHT, x2 / WIDTH, y2 / HEIGHT]) for kind, x1, y1, x2, y2 in one.boxes]
        entries[f"labels/train/{one.name[:-4]}.txt"] = "".join(line(*each) + "\n" for each in shares).encode()
    return entries


def middle(kind: int, box: list[float]) -> str:
    left, top, right, bottom = box
    return f"{kind} {(left + right) / 2:.6f} {(top + bottom) / 2:.6f} {right - left:.6f} {bottom - top:.6f}"


def posed(points: int, values: int) -> Callable[[int, list[float]], str]:
    """A box, and points in it, with 3 values the last of which says whether the point is seen."""
    seen = " {}" if values == 3 else ""
    return lambda kind, box: " ".join(
        [middle(kind, box), *(f"{box[0]:.6f} {box[1]:.6f}" + seen.format(number % 3) for number in range(points))]
    )


def corners(kind: int, box: list[float]) -> str:
    left, top, right, bottom = box
    around = (left, top, right, top, right, bottom, left, bottom)
    return f"{kind} " + " ".join(f"{side:.6f}" for side in around)


def recoded(entries: Entries, suffix: str, encoding: str) -> Entries:
    def changed(data: bytes) -> bytes:
        return data.decode().replace("\n", "\r\n").encode(encoding)

    return {name: changed(data) if name.endswith(suffix) else data for name, data in entries.items()}


def studio_yolo(labels: str, photos: str) -> Entries:
    """Label Studio's YOLO, with its list of classes in JSON; it puts eight digits before an uploaded photo's name."""
    notes = {"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}], "info": {"year": 2026}}
    entries = {"classes.txt": b"cat\ndog", "notes.json": json.dumps(notes, indent=2).encode()}
    texts = {f"labels/{one.name[:-4]}.txt": yolo_txt(one) for one in renamed(labels)}
    return {**entries, **beside(renamed(photos)), **texts}


def changed_coco(folder: str = "", **columns: Callable[[object], object]) -> Entries:
    """COCO with the values of these columns of its annotations changed."""
    content = coco(DRAWN, folder=folder)
    for one in content["annotations"]:  # type: ignore[attr-defined]
        one.update({name: change(one.get(name)) for name, change in columns.items()})
    return {"labels.json": as_json(content), **beside(list(DRAWN))}


def placed(_: object) -> dict[str, object]:
    return {"coordinates": {"latitude": 54.1, "longitude": 7.9}}


def signed() -> Entries:
    content = coco(DRAWN, folder="https://bucket.example/pets/")
    for image in content["images"]:  # type: ignore[attr-defined]
        image["file_name"] += "?X-Date=2026.11&X-Signature=0a.1b"
    return {"labels.json": as_json(content), **beside(list(DRAWN))}


def texts(values: object) -> list[str]:
    return [str(value) for value in values]  # type: ignore[attr-defined]


def darknet_of_roboflow() -> Entries:
    return {
        "train/_darknet.labels": b"cat\ndog",
        **beside(list(DRAWN), "train/"),
        **{f"train/{one.name[:-4]}.txt": yolo_txt(one) for one in DRAWN},
    }


def masks_of_voc() -> Entries:
    masks = {f"Segmentation{what}/{one.name[:-4]}.png": one.jpeg for one in DRAWN for what in ("Class", "Object")}
    return label_zips.cvat_voc(DRAWN) | masks


def captions_of_coco() -> Entries:
    captions = coco(DRAWN) | {"annotations": [{"id": 1, "image_id": 1, "caption": "a cat"}]}
    return label_zips.cvat_coco(DRAWN) | {"annotations/captions_default.json": as_json(captions)}


def photos_named_as_lists() -> Entries:
    names = ("notes.jpg", "train.jpg", "test.jpg")
    drawn = [*(replace(one, name=name) for one, name in zip(DRAWN[1:4], names, strict=True)), DRAWN[0], *DRAWN[4:]]
    return {
        "classes.txt": b"cat\ndog\n",
        **beside(drawn, ""),
        **{f"{one.name[:-4]}.txt": yolo_txt(one) for one in drawn},
    }


OUTLINED = f"{BOXES} boxes were made from their outlines."
POSED = f"{BOXES} boxes had points of a pose, which are not used."
READ: dict[str, tuple[Entries, str]] = {
    "label studio's YOLO": (studio_yolo("1a2b3c4d-", "1a2b3c4d-"), ""),
    "label studio's YOLO with one's own photos": (studio_yolo("1a2b3c4d-", ""), ""),
    "label studio's COCO with one's own photos": (changed_coco("../data/media/upload/1/1a2b3c4d-"), ""),
    "signed links": (signed(), ""),
    **{
        f"{labels} names for {photos} photos": (
            {
                "data.yaml": YAML,
                **beside(renamed(FORMS[photos])),
                **{f"labels/{one.name[:-4]}.txt": yolo_txt(one) for one in renamed(FORMS[labels])},
            },
            "",
        )
        for labels, photos in (("NFC", "NFD"), ("NFD", "NFC"))
    },
    "COCO in NFC": (
        {"labels.json": as_json(coco(renamed(FORMS["NFC"]))), **beside(renamed(FORMS["NFD"]))},
        "",
    ),
    "VOC in NFC": (
        {
            **beside(renamed(FORMS["NFD"])),
            **{f"xml/{one.name[:-4]}.xml": voc_xml(one) for one in renamed(FORMS["NFC"])},
        },
        "",
    ),
    "numbers as texts": (changed_coco(bbox=texts, image_id=str, category_id=str), ""),
    "numbers as floats": (changed_coco(image_id=float, category_id=float), ""),  # type: ignore[arg-type]
    "COCO in UTF-16": (recoded(label_zips.cvat_coco(DRAWN), ".json", "utf-16"), ""),
    "VOC in UTF-16": (recoded(label_zips.labelimg_voc(DRAWN), ".xml", "utf-16"), ""),
    "YOLO in UTF-16": (recoded(label_zips.darknet_yolo(DRAWN), ".txt", "utf-16"), ""),
    "data.yaml with a mark": (yolo(middle, b"\xef\xbb\xbfnames: [cat, dog]\r\n"), ""),
    "data.yaml with a quoted key": (yolo(middle, b'"names": ["cat", "dog"]\n'), ""),
    "data.yaml with comments": (yolo(middle, b"names: [\n  'cat',  # 0, a pet\n  'dog',  # 1\n]\n"), ""),
    "roboflow's darknet": (darknet_of_roboflow(), ""),
    "outlines": (yolo(corners), OUTLINED),
    "outlines with scores": (yolo(lambda kind, box: f"{corners(kind, box)} 0.91"), OUTLINED),
    "scores": (yolo(lambda kind, box: f"{middle(kind, box)} 0.91"), ""),
    "tracks": (yolo(lambda kind, box: f"{middle(kind, box)} 0.91 17"), ""),
    "poses": (yolo(posed(17, 3), YAML + b"kpt_shape: [17, 3]\n"), POSED),
    "an even number of pose points": (yolo(posed(4, 3)), POSED),
    "flat poses": (yolo(posed(4, 2), YAML + b"kpt_shape:\n- 4\n- 2\n"), POSED),
    "places in attributes": (changed_coco(id=lambda number: number, attributes=placed), ""),
    "masks of VOC": (masks_of_voc(), ""),
    "captions": (captions_of_coco(), ""),
    "photos named as lists": (photos_named_as_lists(), ""),
}


@pytest.mark.parametrize("name", list(READ))
def test_an_export_is_read_as_it_was_meant(name: str, tmp_path: Path) -> None:
    entries, said = READ[name]
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert survey.classes == NAMES
    assert [warning for warning in survey.warnings if warning != said] == []
    assert bool(said) == (said in survey.warnings)
    wanted = sorted(tuple(map(round, box[1:])) for one in DRAWN for box in one.boxes)
    assert sorted(tuple(map(round, box)) for photo in survey.labelled for box in photo.boxes.xyxy.tolist()) == wanted


def test_an_outline_at_the_edge_is_no_pose(tmp_path: Path) -> None:
    """A closed outline of five points: the third numbers of the last two, 0 and 0, say nothing of what is seen."""
    entries = yolo(middle)
    entries["labels/train/p000.txt"] = b"0 0 0 0.5 0 0.5 0.5 0 0.5 0 0\n"
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert survey.labelled[
        [photo.name for photo in survey.labelled].index("images/train/p000.jpg")
    ].boxes.xyxy.tolist() == [[0, 0, WIDTH / 2, HEIGHT / 2]]


def test_numbers_stand_for_classes_without_names_and_it_is_said(tmp_path: Path) -> None:
    survey = surveyed(tmp_path / "labels.zip", yolo(middle, b"nc: 2\n"))
    assert survey.classes == ("class 0", "class 1")
    assert any(warning.startswith("No file names the classes") for warning in survey.warnings)


@pytest.mark.parametrize(
    ("train", "other", "part"),
    [
        ("obj_train_data", "obj_valid_data", Part.VALIDATION),  # CVAT
        ("images/train2017", "images/val2017", Part.VALIDATION),  # Ultralytics
        ("test/train/images", "test/test/images", Part.TEST),  # a folder of that name around all
    ],
)
def test_parts_are_known_by_their_folders(train: str, other: str, part: Part, tmp_path: Path) -> None:
    entries: Entries = {"obj.names": b"cat\ndog\n"}
    for number, one in enumerate(DRAWN):
        folder = other if number < 4 else train
        entries |= {f"{folder}/{one.name}": one.jpeg, f"{folder}/{one.name[:-4]}.txt": yolo_txt(one)}
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert survey.ready_made_split
    assert {photo.name: photo.part for photo in survey.photos} == {
        f"{other if number < 4 else train}/{one.name}": part if number < 4 else Part.TRAIN
        for number, one in enumerate(DRAWN)
    }
