"""Exports of further tools are refused by their names, and videos and masks are known for what they are."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.detection import label_zips
from tests.unit.detection.label_zips import HEIGHT, NAMES, WIDTH, Drawn, Entries, as_json, coco, voc_xml
from tests.unit.detection.test_exports_of_tools import DRAWN, beside
from tests.unit.detection.test_layouts import surveyed
from vm_worker.intake.survey import list_upload
from vm_worker.tasks.detection.annotations import foreign
from vm_worker.tasks.detection.labels import BoxLabels
from vm_worker.tasks.detection.photographs import photographs

CLASS = {"title": "cat", "shape": "rectangle"}


def each(path: str, content: object) -> Entries:
    """A file a photo; `{}` in the path is the photo's name, with its suffix or without."""
    return {path.format(one.name, stem=one.name[:-4]): as_json(content) for one in DRAWN}


def rows(line: str, head: str = "") -> bytes:
    """A line a box, with the photo's name, the class, and the sides in pixels and as shares."""
    shares = (WIDTH, HEIGHT, WIDTH, HEIGHT)
    lines = [
        line.format(one.name, NAMES[kind], *map(int, box), *(side / of for side, of in zip(box, shares, strict=True)))
        for one in DRAWN
        for kind, *box in one.boxes
    ]
    return "\n".join([*([head] if head else []), *lines]).encode()


def of_wider(one: Drawn) -> str:
    boxes = "".join(f"{x1:.0f} {y1:.0f} {x2 - x1:.0f} {y2 - y1:.0f} 0 0 0\n" for _, x1, y1, x2, y2 in one.boxes)
    return f"0--cat/{one.name}\n{len(one.boxes)}\n{boxes}"


def of_labelme(one: Drawn) -> bytes:
    objects = "".join(
        f"<object><name>cat</name><polygon><pt><x>{box[1]}</x></pt></polygon></object>" for box in one.boxes
    )
    return f"<annotation><filename>{one.name}</filename>{objects}</annotation>".encode()


def of_yolo3(one: Drawn) -> str:
    return f"images/{one.name} {' '.join(','.join(f'{side:.0f}' for side in (*box[1:], 0)) for box in one.boxes)}\n"


SLY = {"size": {"height": HEIGHT}, "objects": [{"classTitle": "cat", "geometryType": "rectangle", "points": {}}]}
VOTT = {"assets": {"a1": {"asset": {"name": "p000.jpg"}, "regions": [{"tags": ["cat"], "boundingBox": {"left": 1}}]}}}
DATUMARO = {"info": {}, "categories": {"label": {}}, "items": [{"id": "p000", "annotations": [{"bbox": [1, 1, 9, 9]}]}]}
DARWIN = {"version": "2.0", "item": {"name": "p000.jpg", "slots": []}, "annotations": []}
LABELBOX = {"data_row": {"external_id": "p000.jpg"}, "projects": {"p": {"labels": []}}}
FOUND = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 9, 9], "score": 0.9}]
PANOPTIC = coco(DRAWN) | {
    "annotations": [
        {"image_id": 1, "file_name": "p001.png", "segments_info": [{"category_id": 1, "bbox": [1, 1, 9, 9]}]}
    ]
}
VIDEO = b'<annotations><meta/><track id="0" label="cat"><box frame="0" xtl="1" ytl="2"/></track></annotations>'
STUDIO = b'image,label\n/a.jpg,"[{""rectanglelabels"":[""cat""]}]"\n'
ODD: dict[str, tuple[Entries, str]] = {
    "supervisely": (
        each("ds0/ann/{}.json", SLY) | {"meta.json": as_json({"classes": [CLASS]})},
        "is Supervisely's JSON",
    ),
    "vott": ({"vott-json-export/seals-export.json": as_json(VOTT)}, "is VoTT's JSON"),
    "vott, a file a photo": (each("{stem}-asset.json", VOTT["assets"]["a1"]), "is VoTT's JSON"),
    "datumaro": ({"annotations/default.json": as_json(DATUMARO)}, "is Datumaro's JSON"),
    "v7": (each("annotations/{stem}.json", DARWIN), "is V7's JSON"),
    "labelbox": ({"export.ndjson": as_json(LABELBOX)}, "is Labelbox's JSON"),
    "an older labelbox": ({"export.json": as_json([{"External ID": "p000.jpg", "Label": {}}])}, "is Labelbox's JSON"),
    "ground truth": ({"output.manifest": as_json({"source-ref": "s3://b/p000.jpg"})}, "is Ground Truth's manifest"),
    "found boxes": ({"results.json": as_json(FOUND)}, "is a list of found boxes in COCO's form"),
    "panoptic": ({"panoptic.json": as_json(PANOPTIC)}, "is COCO's panoptic JSON"),
    "video of cvat": ({"annotations.xml": VIDEO}, "is CVAT's own XML"),
    "labelme's xml": ({f"{one.name[:-4]}.xml": of_labelme(one) for one in DRAWN}, "is LabelMe's XML"),
    "label studio's table": ({"p.csv": STUDIO}, "is Label Studio's table"),
    "vertex": (
        {"import.csv": rows("TRAIN,gs://b/{0},{1},{6:.3f},{7:.3f},,,{8:.3f},{9:.3f},,")},
        "is Vertex AI's table",
    ),
    "open images": ({"boxes.csv": rows("{0},{1},{6},{8}", "ImageID,LabelName,XMin,XMax,YMin,YMax")}, "is a table"),
    "mot": ({"gt/gt.txt": rows("1,1,{2},{3},{4},{5},1,1,1.0")}, "holds boxes of several photos"),
    "wider": ({"wider_bbx_gt.txt": "".join(map(of_wider, DRAWN)).encode()}, "holds boxes of several photos"),
    "keras-yolo3": ({"train.txt": "".join(map(of_yolo3, DRAWN)).encode()}, "holds boxes of several photos"),
    "dota": (
        {f"labelTxt/{one.name[:-4]}.txt": b"gsd:0.1\n1.0 2.0 9.0 2.0 9.0 8.0 1.0 8.0 plane 0\n" for one in DRAWN},
        "not as YOLO has them",
    ),
    "masks": (
        {f"masks/{one.name[:-4]}.png": one.jpeg for one in DRAWN},
        'The folder "masks" holds masks drawn as pictures',
    ),
}


@pytest.mark.parametrize("name", list(ODD))
def test_an_export_of_another_tool_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    entries, said = ODD[name]
    with pytest.raises(UserError) as caught:
        surveyed(tmp_path / "labels.zip", beside(list(DRAWN)) | entries)
    assert caught.value.code == "labels_unreadable" and said in caught.value.message
    assert BoxLabels().recognises(list_upload(tmp_path / "labels.zip", Limits()))


def test_masks_of_voc_without_boxes_are_no_classes(tmp_path: Path) -> None:
    masks = {f"Segmentation{what}/{one.name[:-4]}.png": one.jpeg for one in DRAWN for what in ("Class", "Object")}
    with pytest.raises(UserError, match="holds masks drawn as pictures"):
        surveyed(tmp_path / "labels.zip", beside(list(DRAWN), "JPEGImages/") | masks)


@pytest.mark.parametrize(
    "folders",
    [("mask", "no_mask"), ("masks", "helmets"), ("images", "masks")],
)
def test_folders_of_masks_that_people_wear_are_classes(folders: tuple[str, str], tmp_path: Path) -> None:
    """In the last one the pictures have other names than the photos."""
    named = [replace(one, name=f"worn{one.name}") for one in DRAWN] if folders[0] == "images" else DRAWN
    entries = beside(list(DRAWN), f"{folders[0]}/") | beside(list(named), f"{folders[1]}/")
    assert not BoxLabels().recognises(list_upload(label_zips.write(tmp_path / "folders.zip", entries), Limits()))


def test_panoptic_labels_beside_boxes_do_no_harm(tmp_path: Path) -> None:
    entries = label_zips.cvat_coco(DRAWN) | {"annotations/panoptic.json": as_json(PANOPTIC)}
    assert sum(len(one.boxes) for one in surveyed(tmp_path / "labels.zip", entries).labelled) == sum(
        len(one.boxes) for one in DRAWN
    )


def test_labels_of_voc_with_outlines_and_parts_are_read(tmp_path: Path) -> None:
    part = b"<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></part>"
    outline = b"<polygon><pt><x>1</x><y>1</y></pt></polygon>"
    entries = beside(list(DRAWN)) | {
        f"{one.name[:-4]}.xml": voc_xml(one).replace(b"</object>", outline + part + b"</object>") for one in DRAWN
    }
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert survey.classes == NAMES and sum(map(len, (one.boxes for one in survey.labelled))) == sum(
        len(one.boxes) for one in DRAWN
    )


LINE = 64 * 1024  # bytes, as many as are looked at
SLOW = [
    b"gs://",
    b",1.1",
    b",1,",
    b"a.jpg 1,1,1,1,1 ",
    b"a.jpg ",
    b"1 ",
    b"xmin",
    b'"a",',
    b"<pt>",
    b"\t",
    b'"items": [ ',
]


@pytest.mark.parametrize("piece", SLOW)
def test_hostile_lines_are_looked_at_in_little_time(piece: bytes) -> None:
    text = (piece * LINE)[:LINE] + b"!"
    began = time.process_time()
    for suffix in foreign.SUFFIXES:
        foreign.title(suffix, text)
    foreign.lists_boxes(text)
    foreign.holds_numbers(text, 30)
    foreign.holds_value(text, "a" * 200)
    assert time.process_time() - began < 1.0


def test_names_of_thousands_of_characters_tell_no_photograph() -> None:
    names = [f"{number}{'1-' * 30_000}frame1.jpg" for number in range(3)]
    began = time.process_time()
    assert photographs(names) == tuple(name[:-4] for name in names)
    assert time.process_time() - began < 1.0


def test_frames_of_a_video_are_parts_of_one_photograph() -> None:
    names = [
        "seals_video2_frame000120.jpg",
        "seals_video2_frame000150.jpg",
        "cam-north_frame_7.png",
        "beach frame 12.jpg",
    ]
    assert photographs(names) == ("seals_video2", "seals_video2", "cam-north", "beach")
    assert photographs(["frame_000001.jpg", "frame_000002.jpg"]) == ("frame_000001", "frame_000002")
    assert photographs(["v_frame1.jpg", "v_frame2.jpg"]) == ("v_frame1", "v_frame2")  # all would be one
