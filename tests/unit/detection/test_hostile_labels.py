"""Broken and hostile label files: each gets a verdict that names what is wrong, or is mended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import CODES, UserError
from tests.unit.detection import label_zips
from tests.unit.detection.label_zips import Drawn, Entries, as_json, coco, voc_xml, yolo_txt
from tests.unit.detection.test_layouts import surveyed
from vm_worker.tasks.detection.survey import LabelledSurvey

SECONDS = 20.0  # far more than any of these takes, on a busy machine
JSON = "annotations/instances_default.json"
Change = Callable[[Entries, list[Drawn]], None]


def changed_coco(change: Callable[[dict], object]) -> Change:  # type: ignore[type-arg]
    """Change the values of a COCO file."""

    def apply(entries: Entries, drawn: list[Drawn]) -> None:
        content = coco(drawn)
        entries[JSON] = as_json(change(content) or content)

    return apply


def raw_coco(data: bytes) -> Change:
    return lambda entries, drawn: entries.update({JSON: data})


def each_annotation(**values: object) -> Change:
    return changed_coco(lambda content: [one.update(values) for one in content["annotations"]] and None)


def first_xml(data: bytes) -> Change:
    return lambda entries, drawn: entries.update({"photos/p001.xml": data})


def first_txt(data: bytes) -> Change:
    return lambda entries, drawn: entries.update({"obj_train_data/p001.txt": data})


LAUGHS = b'<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;">]><annotation><filename>&m;</filename></annotation>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
UNREADABLE = [
    ("cvat_coco", raw_coco(b'{"images": [{"id": 1'), "no valid JSON at line 1"),
    ("cvat_coco", raw_coco(b'{"images": ' + b"[" * 100_000), "nested too deeply"),
    ("cvat_coco", raw_coco(b'{"images": [' + b'{"a":' * 100_000), "nested too deeply"),
    ("cvat_coco", raw_coco(b'{"categories": [], "annotations": []}'), "no list of images"),
    ("cvat_coco", raw_coco(b'[{"images": []}]'), "no list of images"),
    ("cvat_coco", raw_coco(b'{"images": [{"id": 1, "width": NaN}]}'), "no valid JSON"),
    ("cvat_coco", raw_coco(b'{"images": [{"id": ' + b"9" * 5000 + b"}]}"), "no valid JSON"),
    ("cvat_coco", raw_coco(b'{"images": [\xff\xfe]}'), "no valid JSON"),
    ("labelimg_voc", first_xml(LAUGHS), "declares a document type or entities"),
    ("labelimg_voc", first_xml(OUTSIDE), "declares a document type or entities"),
    ("labelimg_voc", first_xml(b"<annotation><size></annotation>"), "no valid XML at line 1"),
    ("labelimg_voc", first_xml(b""), "no valid XML"),
    ("labelimg_voc", first_xml(b"<annotation>" + b"<a>" * 50), "nested too deeply"),
    ("labelimg_voc", first_xml(b"<annotation>" + b"<a/>" * 100_001 + b"</annotation>"), "too many elements"),
    ("labelimg_voc", first_xml(b'<?xml version="1.0" encoding="klingon"?><annotation/>'), "no valid XML"),
    ("darknet_yolo", first_txt(b"0 .5 .5 .1 .1\n" * 20_001), "more than 20,000 lines"),
    ("cvat_coco", raw_coco(b""), "is empty"),
    ("cvat_coco", raw_coco(b"\0" * 99), "holds no labels that can be read"),
    ("cvat_coco", raw_coco(b'\xff\xfe{"images": ['), "holds no labels that can be read"),
    (
        "cvat_coco",
        lambda entries, drawn: entries.update({JSON: as_json(coco(drawn)).decode().encode("utf-32")}),
        "no labels",
    ),
]


@pytest.mark.parametrize(("layout", "change", "why"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_label_file_that_cannot_be_read_is_named(layout: str, change: Change, why: str, tmp_path: Path) -> None:
    error = refused(layout, change, tmp_path)
    assert error.code == "labels_unreadable" and why in error.message and error.file is not None
    assert Path(error.file).name in error.message


def without(suffix: str) -> Change:
    def apply(entries: Entries, drawn: list[Drawn]) -> None:
        for name in [name for name in entries if name.endswith(suffix)]:
            del entries[name]

    return apply


def most_unlabelled(entries: Entries, drawn: list[Drawn]) -> None:
    for one in drawn[:9]:
        del entries[f"obj_train_data/{one.name[:-4]}.txt"]


def two_formats(entries: Entries, drawn: list[Drawn]) -> None:
    entries |= {f"images/{one.name[:-4]}.xml": voc_xml(one) for one in drawn}


def many_boxes(entries: Entries, drawn: list[Drawn]) -> None:
    entries["obj_train_data/p001.txt"] = b"0 .5 .5 .1 .1\n" * 2001


def many_classes(entries: Entries, drawn: list[Drawn]) -> None:
    entries["obj_train_data/p001.txt"] = b"".join(b"%d .5 .5 .1 .1\n" % number for number in range(201))


def empty_texts(entries: Entries, drawn: list[Drawn]) -> None:
    entries |= {f"obj_train_data/{one.name[:-4]}.txt": b"" for one in drawn}


def other_names(entries: Entries, drawn: list[Drawn]) -> None:
    content = coco(drawn)
    for image in content["images"]:  # type: ignore[attr-defined]
        image["file_name"] = f"elsewhere_{image['file_name']}"
    entries[JSON] = as_json(content)


REFUSED = [
    ("cvat_coco", without(".jpg"), "labels_without_photos", "but no photos"),
    ("labelimg_voc", without(".jpg"), "labels_without_photos", "but no photos"),
    ("cvat_coco", other_names, "labels_without_photos", "None of the labelled photos"),
    ("cvat_coco", two_formats, "labels_mixed", "in COCO and in Pascal VOC"),
    ("darknet_yolo", most_unlabelled, "photos_without_labels", "Only 3 of 12 photos have labels"),
    ("darknet_yolo", many_boxes, "too_many_boxes", "has 2,001 boxes"),
    ("darknet_yolo", many_classes, "too_many_classes", "201 classes"),
    ("cvat_coco", changed_coco(lambda c: c.update(annotations=[])), "too_few_boxes", "0 boxes"),
    ("cvat_coco", changed_coco(lambda c: c.update(images=[])), "labels_without_photos", "name no photo"),
    ("cvat_coco", changed_coco(lambda c: c.update(images="many")), "labels_unreadable", "no list of images"),
    ("cvat_coco", changed_coco(lambda c: c.update(categories=None)), "too_few_boxes", "0 boxes"),
    ("cvat_coco", changed_coco(lambda c: c.update(annotations={"1": 2})), "too_few_boxes", "0 boxes"),
    ("cvat_coco", each_annotation(bbox=["a", None, [], {}]), "too_few_boxes", "0 boxes"),
    ("cvat_coco", each_annotation(bbox=[1e300, 0, 5, 5]), "too_few_boxes", "0 boxes"),
    ("cvat_coco", each_annotation(category_id=99), "too_few_boxes", "0 boxes"),
    ("cvat_coco", each_annotation(image_id=99), "too_few_boxes", "0 boxes"),
    ("cvat_coco", each_annotation(iscrowd=1), "too_few_boxes", "0 boxes"),
    ("darknet_yolo", empty_texts, "too_few_boxes", "0 boxes"),
    (
        "cvat_coco",
        changed_coco(lambda c: [one.update(name=None) for one in c["categories"]] and None),
        "too_few_boxes",
        "",
    ),
]


@pytest.mark.parametrize(("layout", "change", "code", "why"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_used_is_refused(layout: str, change: Change, code: str, why: str, tmp_path: Path) -> None:
    error = refused(layout, change, tmp_path)
    assert (error.code, why in error.message) == (code, True), error.message
    assert CODES[error.code].advice


def refused(layout: str, change: Change, folder: Path) -> UserError:
    drawn = label_zips.photos()
    entries = label_zips.LAYOUTS[layout](drawn)
    change(entries, drawn)
    began = time.monotonic()
    with pytest.raises(UserError) as caught:
        surveyed(folder / "labels.zip", entries)
    assert time.monotonic() - began < SECONDS
    return caught.value


def read(layout: str, change: Change, folder: Path) -> LabelledSurvey:
    drawn = label_zips.photos()
    entries = label_zips.LAYOUTS[layout](drawn)
    change(entries, drawn)
    return surveyed(folder / "labels.zip", entries)


def boxes_of(survey: LabelledSurvey) -> int:
    return sum(len(photo.boxes) for photo in survey.labelled)


def one_annotation(**values: object) -> Change:
    """Add an annotation to the first photo, which has none."""

    def add(content: dict) -> None:  # type: ignore[type-arg]
        usual = {"id": 999, "image_id": 0, "category_id": 0, "bbox": [1, 1, 20, 20], "iscrowd": 0}
        content["annotations"].append(usual | values)

    return changed_coco(add)


def runs(*pieces: tuple[int, int, int], height: int = 64, width: int = 96) -> dict[str, object]:
    """Run lengths of pieces (column, top, bottom)."""
    mask = [False] * (height * width)
    for column, top, bottom in pieces:
        mask[column * height + top : column * height + bottom] = [True] * (bottom - top)
    counts, last, run = [], False, 0
    for inside in mask:
        if inside != last:
            counts.append(run)
            last, run = inside, 0
        run += 1
    return {"size": [height, width], "counts": [*counts, run]}


def whole_crowd(content: dict) -> None:  # type: ignore[type-arg]
    one = runs((3, 5, 15), (4, 6, 16), (5, 14, 30))
    content["annotations"].append(
        {"id": 999, "image_id": 0, "category_id": 0, "bbox": [3, 5, 3, 25], "iscrowd": 1, "segmentation": one}
    )


TWO_AREAS = {"iscrowd": 1, "segmentation": runs((3, 5, 15), (10, 5, 15))}
PACKED = {"iscrowd": 1, "bbox": None, "segmentation": {"size": [64, 96], "counts": "Ze03mo1"}}
MENDED = [
    ("cvat_coco", one_annotation(bbox=[1, 1, 0, 20]), 0, "1 box without area was left out."),
    ("cvat_coco", one_annotation(bbox=[500, 1, 20, 20]), 0, "1 box outside its photo was left out."),
    (
        "cvat_coco",
        one_annotation(bbox=[-9, 1, 20, 20]),
        1,
        "1 box reached over the edge of the photo and was cut there.",
    ),
    ("cvat_coco", one_annotation(bbox="wrong"), 0, "1 box could not be read and was left out."),
    ("cvat_coco", one_annotation(category_id=7), 0, "1 box without a known class was left out."),
    ("cvat_coco", one_annotation(image_id="none"), 0, "1 box belongs to no photo and was left out."),
    (
        "cvat_coco",
        one_annotation(bbox=None, segmentation=[[1, 1, 30, 1, 30, 30]]),
        1,
        "1 box was made from its outline.",
    ),
    ("cvat_coco", changed_coco(whole_crowd), 1, ""),  # a brush's mask of one area is an object
    ("cvat_coco", one_annotation(**TWO_AREAS), 0, "1 box around a crowd was left out."),
    ("cvat_coco", one_annotation(segmentation={"size": [64, 96], "counts": [-1, 2**40]}), 1, ""),
    ("cvat_coco", one_annotation(segmentation={"size": "x", "counts": "\x00\xff"}), 1, ""),
    ("cvat_coco", one_annotation(id=12), 1, "stood twice; none was lost"),
    ("darknet_yolo", first_txt(b"0 .5 .5 1.0004 1.0004\n"), 0, ""),
    ("darknet_yolo", first_txt(b"0 .5 .5 .2\n0 .5 .5 .2 .2\n"), 0, "1 box could not be read and was left out."),
    ("darknet_yolo", first_txt(b"-1 .5 .5 .2 .2\n0 nan .5 .2 .2\n1 .5 .5 .2 .2\n"), 0, "2 boxes could not be read"),
    ("darknet_yolo", first_txt(b"0 .1 .1 .5 .1 .5 .5 .1 .5\n"), 0, "1 box was made from its outline."),
    ("darknet_yolo", first_txt(b"7 .5 .5 .2 .2\n"), 0, 'No name is given for "class 7"'),
    ("darknet_yolo", first_txt("\ufeff0 .5 .5 .2 .2\r\n".encode()), 0, ""),
    (
        "labelimg_voc",
        first_xml(b"<annotation><object><name></name></object></annotation>"),
        -1,
        "without a known class",
    ),
    ("labelimg_voc", first_xml(b"<annotation><object><name>cat</name></object></annotation>"), -1, "could not be read"),
]


@pytest.mark.parametrize(("layout", "change", "more", "said"), MENDED, ids=range(len(MENDED)))
def test_what_can_be_mended_is_mended_and_told(
    layout: str, change: Change, more: int, said: str, tmp_path: Path
) -> None:
    usual = boxes_of(read(layout, lambda entries, drawn: None, tmp_path))
    survey = read(layout, change, tmp_path)
    assert boxes_of(survey) == usual + more, survey.warnings
    assert any(said in warning for warning in survey.warnings) if said else survey.warnings == ()


def test_a_photo_with_its_name_in_two_folders_is_found_by_the_folders(tmp_path: Path) -> None:
    entries = label_zips.roboflow_yolo(label_zips.photos())
    entries |= {
        "valid/images/p001.jpg": entries["train/images/p001.jpg"],
        "valid/labels/p001.txt": yolo_txt(label_zips.photos()[4]),
    }
    found = {photo.name: len(photo.boxes) for photo in surveyed(tmp_path / "labels.zip", entries).labelled}
    assert (found["train/images/p001.jpg"], found["valid/images/p001.jpg"]) == (1, 4)


def test_no_path_of_a_label_file_leads_out_of_the_upload(tmp_path: Path) -> None:
    content = coco(label_zips.photos(), folder="../../../../etc/")
    (tmp_path / "p000.jpg").write_bytes(b"outside")
    entries = label_zips.cvat_coco(label_zips.photos()) | {JSON: as_json(content)}
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert all(photo.extent.path == str(tmp_path / "labels.zip") for photo in survey.photos)


def test_labels_without_their_photo_and_photos_without_labels_are_told(tmp_path: Path) -> None:
    drawn = label_zips.photos(14)
    entries = label_zips.cvat_coco(drawn)
    del entries["images/p013.jpg"]
    content = json.loads(entries[JSON])
    content["images"] = [image for image in content["images"] if image["file_name"] != "p012.jpg"]
    entries[JSON] = as_json(content)
    survey = surveyed(tmp_path / "labels.zip", entries)
    told = " ".join(survey.warnings)
    assert 'Labels without their photo in the upload: 1, such as "p013.jpg"' in told
    assert "1 photo without labels was left out" in told
    assert ("images/p012.jpg", "has no labels") in {(skip.name, skip.reason) for skip in survey.skipped}
