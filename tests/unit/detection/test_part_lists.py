"""Lists of the photos of each part are a ready-made split, as folders are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs.errors import UserError
from tests.unit.detection import label_zips
from tests.unit.detection.label_zips import Drawn, Entries
from tests.unit.detection.test_layouts import surveyed
from vm_worker.intake.dataset import Part
from vm_worker.tasks.detection.annotations import part_lists
from vm_worker.tasks.detection.survey import LabelledSurvey

DRAWN = tuple(label_zips.photos())
NAMES = [one.name for one in DRAWN]
TRAIN, VALID, TEST = NAMES[:6], NAMES[6:9], NAMES[9:]


def lines(names: Sequence[str], before: str) -> bytes:
    return "".join(f"{before}{name}\n" for name in names).encode()


def darknet(**lists: Sequence[str]) -> Entries:
    entries = label_zips.darknet_yolo(DRAWN)
    entries.pop("train.txt")
    return entries | {f"{name}.txt": lines(some, "data/obj_train_data/") for name, some in lists.items()}


def without_list(entries: Entries) -> Entries:
    return {name: data for name, data in entries.items() if not name.endswith("train.txt")}


def cvat_ultralytics() -> Entries:
    entries = without_list(label_zips.ultralytics_yolo(DRAWN))
    parts = {"train": TRAIN, "val": VALID, "test": TEST}
    return entries | {f"{name}.txt": lines(some, "data/images/train/") for name, some in parts.items()}


def voc() -> Entries:
    entries = label_zips.cvat_voc(DRAWN)
    entries.pop("ImageSets/Main/default.txt")
    parts = {"train": TRAIN, "val": VALID, "test": TEST, "trainval": [*TRAIN, *VALID]}
    for name, some in parts.items():
        entries[f"ImageSets/Main/{name}.txt"] = lines([one[:-4] for one in some], "")
    entries["ImageSets/Main/cat_train.txt"] = lines([f"{one[:-4]}  1" for one in TEST], "")
    entries["ImageSets/Segmentation/train.txt"] = lines([one[:-4] for one in TEST], "")
    return entries


def parts_of(survey: LabelledSurvey) -> dict[str, Part | None]:
    return {photo.name.rpartition("/")[2]: photo.part for photo in survey.photos}


WANTED = {
    **dict.fromkeys(TRAIN, Part.TRAIN),
    **dict.fromkeys(VALID, Part.VALIDATION),
    **dict.fromkeys(TEST, Part.TEST),
}
WINDOWS = {
    name: lines(some, "C:\\data\\pets\\").replace(b"\n", b"\r\n")
    for name, some in {"train.txt": TRAIN, "valid.txt": VALID, "test.txt": TEST}.items()
}
SPLITS: dict[str, Entries] = {
    "darknet": darknet(train=TRAIN, valid=VALID, test=TEST),
    "CVAT's Ultralytics": cvat_ultralytics(),
    "Ultralytics' autosplit": darknet(autosplit_train=TRAIN, autosplit_val=VALID, autosplit_test=TEST),
    "COCO's years": darknet(train2017=TRAIN, val2017=VALID, **{"test-dev2017": []}, test2017=TEST),
    "Pascal VOC": voc(),
    "Windows": darknet() | WINDOWS,
    "in UTF-16": darknet() | {name: data.decode().encode("utf-16") for name, data in WINDOWS.items()},
}


@pytest.mark.parametrize("name", list(SPLITS))
def test_lists_are_kept_as_the_split(name: str, tmp_path: Path) -> None:
    survey = surveyed(tmp_path / "labels.zip", SPLITS[name])
    assert survey.ready_made_split and parts_of(survey) == WANTED
    assert survey.warnings == ()
    assert [row.name for row in survey.skipped if row.name.endswith(("train.txt", "val.txt", "test.txt"))] == (
        ["ImageSets/Main/cat_train.txt"] if name == "Pascal VOC" else []
    )


@pytest.mark.parametrize(
    "entries",
    [
        darknet(train=NAMES),
        darknet(train=TRAIN),
        darknet(train=TRAIN, valid=[]),
        darknet(train=TRAIN) | {"test.txt": b"this was a test of p001.jpg and more\nwords\n"},
    ],
)
def test_one_list_alone_is_no_split(entries: Entries, tmp_path: Path) -> None:
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert not survey.ready_made_split and survey.warnings == ()
    assert set(parts_of(survey).values()) == {Part.TRAIN}  # by the folder's name


def test_a_list_counts_for_more_than_a_folder(tmp_path: Path) -> None:
    entries = label_zips.ultralytics_yolo(DRAWN)  # all photos lie in images/train
    entries |= {"train.txt": lines(TRAIN, "images/train/"), "val.txt": lines(VALID, "images/train/")}
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert Counter(parts_of(survey).values()) == {Part.TRAIN: 9, Part.VALIDATION: 3}
    (told,) = survey.warnings
    assert told.startswith('In no list of a part: 3 photos, such as "images/train/p009.jpg"')


def test_a_folder_of_a_part_says_as_much_as_a_list(tmp_path: Path) -> None:
    entries = label_zips.roboflow_yolo(DRAWN)  # every fourth photo lies in the folder "valid"
    others = [name for number, name in enumerate(NAMES) if number % 4]
    entries |= {"train.txt": lines(others[3:], "train/images/"), "test.txt": lines(others[:3], "train/images/")}
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert Counter(parts_of(survey).values()) == {Part.TRAIN: 6, Part.VALIDATION: 3, Part.TEST: 3}
    assert survey.warnings == ()


def test_photos_in_two_lists_and_in_none_are_told(tmp_path: Path) -> None:
    entries = darknet(train=[*TRAIN, VALID[0]], valid=VALID[:2], test=[VALID[1], *TEST[:2], "gone.jpg"])
    survey = surveyed(tmp_path / "labels.zip", entries)
    parts = parts_of(survey)
    assert (parts[VALID[0]], parts[VALID[1]], parts[VALID[2]]) == (Part.TRAIN, Part.TEST, Part.TRAIN)
    assert survey.warnings == (
        'In the list of train and in another one: 1 photo, such as "obj_train_data/p006.jpg"; put into train.',
        'In the lists of validation and of test: 1 photo, such as "obj_train_data/p007.jpg"; kept for the test.',
        'Listed for a part but not in the upload: 1 photo, such as "data/obj_train_data/gone.jpg".',
        'In no list of a part: 2 photos, such as "obj_train_data/p008.jpg", "obj_train_data/p011.jpg"; put into train.',
    )


def test_lists_that_name_the_same_photos_are_no_split(tmp_path: Path) -> None:
    survey = surveyed(tmp_path / "labels.zip", darknet(train=NAMES, valid=NAMES))
    assert not survey.ready_made_split
    assert any("name the same photos, so the parts were cut anew" in warning for warning in survey.warnings)


def test_lists_of_other_photos_are_told(tmp_path: Path) -> None:
    survey = surveyed(tmp_path / "labels.zip", darknet(train=TRAIN, valid=["a.jpg", "b.jpg"]))
    assert survey.warnings == ('None of the photos listed in "valid.txt" is in the upload, so the lists are no split.',)
    assert not survey.ready_made_split


def test_no_path_of_a_list_leads_out_of_the_upload(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jpg"
    outside.write_bytes(DRAWN[0].jpeg)
    some = [str(outside), "../outside.jpg", "/etc/passwd.jpg", "..\\..\\outside.jpg", "\0.jpg", "x" * 5000 + ".jpg"]
    survey = surveyed(tmp_path / "labels.zip", darknet(train=TRAIN, valid=VALID) | {"test.txt": lines(some, "")})
    assert Counter(parts_of(survey).values()) == {Part.TRAIN: 9, Part.VALIDATION: 3}
    assert any(warning.startswith("Listed for a part but not in the upload: 5 photos") for warning in survey.warnings)


def test_a_photo_of_one_name_is_found_by_its_folder(tmp_path: Path) -> None:
    entries: Entries = {"obj.names": b"cat\ndog\n"}
    for folder in ("a", "b"):
        for one in DRAWN:
            entries |= {f"{folder}/{one.name}": one.jpeg, f"{folder}/{one.name[:-4]}.txt": label_zips.yolo_txt(one)}
    entries |= {"train.txt": lines(NAMES, "/data/a/"), "valid.txt": lines(NAMES, "/data/b/")}
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert {photo.name[0]: photo.part for photo in survey.photos} == {"a": Part.TRAIN, "b": Part.VALIDATION}


def test_very_long_lists_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_lists, "LINES_MAX", 11)
    with pytest.raises(UserError, match="have more than 11 lines") as caught:
        surveyed(tmp_path / "labels.zip", darknet(train=TRAIN, valid=VALID, test=TEST))
    assert caught.value.code == "labels_unreadable"


def test_a_photo_named_as_a_list_keeps_its_labels(tmp_path: Path) -> None:
    photo = Drawn("train.jpg", DRAWN[1].boxes, DRAWN[1].jpeg)
    entries = darknet(valid=VALID, test=TEST)
    entries |= {"obj_train_data/train.jpg": photo.jpeg, "obj_train_data/train.txt": label_zips.yolo_txt(photo)}
    survey = surveyed(tmp_path / "labels.zip", entries)
    assert len(survey.photos) == len(DRAWN) + 1 and parts_of(survey)["train.jpg"] is Part.TRAIN
    assert survey.warnings[0].startswith("In no list of a part: 7 photos")
