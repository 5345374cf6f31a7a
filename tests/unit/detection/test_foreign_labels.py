"""Labels of other formats or in another unit are refused by a sentence that says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.detection import label_zips
from tests.unit.detection.label_zips import HEIGHT, NAMES, WIDTH, Drawn, Entries, as_json
from tests.unit.detection.test_exports_of_tools import BOXES, DRAWN, beside, changed_coco, middle, yolo
from tests.unit.detection.test_layouts import surveyed
from vm_worker.intake.survey import list_upload
from vm_worker.tasks.detection.labels import BoxLabels
from vm_worker.tasks.detection.survey import LabelledSurvey


def shapes(one: Drawn) -> bytes:
    boxes = [
        {"label": NAMES[kind], "points": [box[:2], box[2:]], "shape_type": "rectangle"} for kind, *box in one.boxes
    ]
    return as_json({"version": "5", "shapes": boxes, "imagePath": one.name})


def table() -> bytes:
    rows = [f"{one.name},{NAMES[box[0]]},{','.join(map(str, box[1:]))}" for one in DRAWN for box in one.boxes]
    return "\n".join(["filename,class,xmin,ymin,xmax,ymax", *rows]).encode()


def kitti(kind: int, box: list[float]) -> str:
    return f"Car 0.00 0 -1.57 {' '.join(map(str, box))} -1 -1 -1 -1000 -1000 -1000 0"


CVAT = b'<annotations><version>1.1</version><image id="0" name="p000.jpg"><box/></image></annotations>'
STUDIO = [{"id": 1, "annotations": [{"result": [{"value": {"rectanglelabels": ["cat"]}}]}]}]
CREATED = [{"image": "p000.jpg", "annotations": [{"label": "cat", "coordinates": {"x": 1, "y": 1}}]}]
FOREIGN: dict[str, tuple[Entries, str]] = {
    "label studio": ({"project.json": as_json(STUDIO)}, "Label Studio's own JSON"),
    "createml": ({"labels.json": as_json(CREATED)}, "CreateML's JSON"),
    "labelme": ({f"images/{one.name[:-4]}.json": shapes(one) for one in DRAWN}, "LabelMe's JSON"),
    "cvat": ({"annotations.xml": CVAT}, "CVAT's own XML"),
    "a table": ({"_annotations.csv": table()}, "a table"),
    "commas": (yolo(lambda kind, box: middle(kind, box).replace(" ", ",")), "not as YOLO has them"),
    "decimal commas": (yolo(lambda kind, box: middle(kind, box).replace(".", ",")), "not as YOLO has them"),
    "class names": (yolo(lambda kind, box: NAMES[kind] + middle(kind, box)[1:]), "not as YOLO has them"),
    "kitti": (yolo(kitti), "not as YOLO has them"),
}


@pytest.mark.parametrize("name", list(FOREIGN))
def test_labels_of_another_format_are_refused_by_its_name(name: str, tmp_path: Path) -> None:
    entries, said = FOREIGN[name]
    with pytest.raises(UserError) as caught:
        surveyed(tmp_path / "labels.zip", beside(list(DRAWN)) | entries)
    assert caught.value.code == "labels_unreadable" and said in caught.value.message
    found = list_upload(tmp_path / "labels.zip", Limits())
    assert BoxLabels().recognises(found)  # else class folders would be looked for


SITES = ("Farm North", "meadow")
VIA = {"p000.jpg123": {"filename": "p000.jpg", "regions": [{"shape_attributes": {"name": "rect"}}]}}


def in_sites(label: Callable[[Drawn, str], Entries], photos: str = "{site}/{name}") -> Entries:
    """Photos in folders of two places, with what `label` gives for each."""
    entries: Entries = {}
    for number, one in enumerate(DRAWN):
        site = SITES[number % 2]
        entries |= {photos.format(site=site, name=one.name): one.jpeg, **label(one, site)}
    return entries


def once(name: str, data: bytes) -> Callable[[Drawn, str], Entries]:
    return lambda one, site: {name.format(site=site): data}


def numbers(one: Drawn, site: str) -> Entries:
    return {f"{site}/{one.name[:-4]}.txt": yolo(kitti)[f"labels/train/{one.name[:-4]}.txt"]}


IN_FOLDERS: dict[str, tuple[Entries, str]] = {
    "labelme beside": (in_sites(lambda one, site: {f"{site}/{one.name[:-4]}.json": shapes(one)}), "LabelMe's JSON"),
    "labelme in a tree": (
        in_sites(lambda one, site: {f"json/{site}/{one.name[:-4]}.json": shapes(one)}, "images/{site}/{name}"),
        "LabelMe's JSON",
    ),
    "labelme in one folder": (in_sites(lambda one, site: {f"json/{one.name[:-4]}.json": shapes(one)}), "LabelMe's"),
    "createml": (in_sites(once("{site}/_annotations.createml.json", as_json(CREATED))), "CreateML's JSON"),
    "via": (in_sites(once("{site}/via_region_data.json", as_json(VIA))), "the VGG annotator's JSON"),
    "tables": (in_sites(once("{site}/_annotations.csv", table())), "a table"),
    "cvat's tasks": (in_sites(once("{site}/annotations.xml", CVAT)), "CVAT's own XML"),
    "cvat's project": (in_sites(once("annotations.xml", CVAT), "images/{site}/{name}"), "CVAT's own XML"),
    "label studio's project": (in_sites(once("project.json", as_json(STUDIO))), "Label Studio's own JSON"),
    "kitti": (in_sites(numbers), "not as YOLO has them"),
}


@pytest.mark.parametrize("name", list(IN_FOLDERS))
def test_labels_of_another_format_are_refused_in_several_folders_too(name: str, tmp_path: Path) -> None:
    entries, said = IN_FOLDERS[name]
    with pytest.raises(UserError) as caught:
        surveyed(tmp_path / "labels.zip", entries)
    assert caught.value.code == "labels_unreadable" and said in caught.value.message
    assert BoxLabels().recognises(list_upload(tmp_path / "labels.zip", Limits()))


@pytest.mark.parametrize(
    "extra",
    [
        {"project.json": as_json([{"value": {"rectanglelabels": ["cat"]}}])},
        {"annotations.xml": b'<annotations><image name="a/p.jpg"><box label="dog"/></image></annotations>'},
        {"cat/notes.txt": b"0.1 0.2 0.3 0.4\n", "dog/p000.txt": b"12 40 3 7 a b c\n"},
        {"cat/info.json": b"{}", "dog/info.json": b"{}"},
    ],
)
def test_a_file_that_names_the_folders_as_classes_leaves_them_classes(extra: Entries, tmp_path: Path) -> None:
    folders = {f"{'cat' if number % 2 else 'dog'}/{one.name}": one.jpeg for number, one in enumerate(DRAWN)}
    path = label_zips.write(tmp_path / "folders.zip", folders | extra)
    assert not BoxLabels().recognises(list_upload(path, Limits()))


def test_tables_in_each_folder_are_labels_even_where_they_name_the_folders(tmp_path: Path) -> None:
    folders = {f"{'cat' if number % 2 else 'dog'}/{one.name}": one.jpeg for number, one in enumerate(DRAWN)}
    tables = {f"{folder}/_annotations.csv": table() for folder in ("cat", "dog")}
    with pytest.raises(UserError, match="is a table, which is not read here"):
        surveyed(tmp_path / "labels.zip", folders | tables)


def test_classes_in_folders_stay_classes_beside_labels_of_another_format(tmp_path: Path) -> None:
    folders = {f"{'cat' if number % 2 else 'dog'}/{one.name}": one.jpeg for number, one in enumerate(DRAWN)}
    path = label_zips.write(tmp_path / "folders.zip", folders | {"boxes.csv": table()})
    assert not BoxLabels().recognises(list_upload(path, Limits()))


def in_pixels(kind: int, box: list[float]) -> str:
    return middle(kind, [box[0] * WIDTH, box[1] * HEIGHT, box[2] * WIDTH, box[3] * HEIGHT])


def kept(path: Path, entries: Entries, limits: Limits | None = None) -> LabelledSurvey:
    survey = surveyed(path, entries, limits or Limits())
    survey.check(range(len(survey.photos)))
    return survey


LOST = [
    (yolo(in_pixels), "shares of the photo's width and height, from 0 to 1"),
    (changed_coco(bbox=lambda box: [side / 100 for side in box]), "must be pixels of the photo"),  # type: ignore[attr-defined]
    (changed_coco(bbox=lambda box: [box[0] + 5000, *box[1:]]), "must be pixels of the photo"),  # type: ignore[index]
]


@pytest.mark.parametrize(("entries", "said"), LOST, ids=range(len(LOST)))
def test_numbers_of_another_unit_are_refused(entries: Entries, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        kept(tmp_path / "labels.zip", entries)
    assert caught.value.code == "labels_unreadable" and said in caught.value.message


def test_boxes_that_are_left_out_do_not_count_as_enough(tmp_path: Path) -> None:
    limits = Limits(boxes_min=BOXES)
    assert kept(tmp_path / "labels.zip", yolo(middle), limits).labelled
    entries = yolo(middle)
    entries["labels/train/p001.txt"] = b"0 7 7 0.1 0.1\n"
    with pytest.raises(UserError, match="1 box outside its photo was left out") as caught:
        kept(tmp_path / "labels.zip", entries, limits)
    assert caught.value.code == "too_few_boxes"


def test_a_refusal_says_why_there_are_no_boxes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="boxes without a known class were left out"):
        surveyed(tmp_path / "labels.zip", changed_coco(category_id=lambda number: 99))


def test_corners_instead_of_a_size_are_doubtful(tmp_path: Path) -> None:
    entries = changed_coco(bbox=lambda box: [box[0], box[1], box[0] + box[2], box[1] + box[3]])  # type: ignore[index]
    warnings = surveyed(tmp_path / "labels.zip", entries).warnings
    assert any("reach over the edge of their photo; look whether they fit" in warning for warning in warnings)
