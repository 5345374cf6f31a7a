"""Layouts of uploads as people send them, with the reading that is right: classes and photos, or the code of a refusal.

The worker's reading and the upload page's are tested by the same cases.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """An upload of made-up photos, and what it is to be read as."""

    folders: Sequence[str]  # each holds 12 photos; "cats:3" holds three
    classes: Mapping[str, int] | str  # class -> photos, or the code of a refusal
    split: bool = False  # whether there is a ready-made split
    says: str = ""  # words of the message, or of a warning
    extra: Sequence[str] = ()  # more files, without photos; a folder ends in a slash
    option: str = ""  # classes=

    def files(self) -> dict[str, bytes]:
        """Return path -> bytes; the photos are no pictures, but their names are those of photos."""
        found = {}
        for place, folder in enumerate(self.folders):
            name, _, count = folder.partition(":")
            for number in range(int(count or 12)):
                found[f"{name}/{number:03}.jpg"] = b"%d %d" % (place, number)
        return found | {name: b"" if name.endswith("/") else b"text" for name in self.extra}

    def zipped(self) -> bytes:
        """Return the upload as the bytes of a zip."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in self.files().items():
                archive.writestr(zipfile.ZipInfo(name), data)
        return file.getvalue()


def _in(tops: str, inner: str = "cats dogs", under: str = "") -> list[str]:
    return [f"{under}{top}/{folder}" for top in tops.split() for folder in inner.split()]


PETS = {"cats": 12, "dogs": 12}
TWICE = {"cats": 24, "dogs": 24}
THRICE = {"cats": 36, "dogs": 36}
AMBIGUOUS = "ambiguous_folders"

LAYOUTS: Mapping[str, Layout] = {
    "plain": Layout(["cats", "dogs"], PETS),
    "wrapped": Layout(["a/b/cats", "a/b/dogs"], PETS),
    "wrapped beside a text": Layout(["set/cats", "set/dogs"], PETS, extra=["README.md", "docs/a.txt"], says="docs"),
    "a cover in the wrapper": Layout(["pets/cats", "pets/dogs", "pets:1"], PETS),
    "photos of the only class beside its kinds": Layout(["dogs/small", "dogs/large", "dogs:9"], "one_class"),
    "macOS": Layout(["pets/cats", "pets/dogs"], PETS, extra=["__MACOSX/pets/cats/._000.jpg", "pets/.DS_Store"]),
    "numbers": Layout(["0", "1", "10"], {"0": 12, "1": 12, "10": 12}),
    "years in classes": Layout(["cats/2023", "cats/2024", "dogs"], {"cats": 24, "dogs": 12}, says="classes=inner"),
    "pictures in classes": Layout(["cats/images", "dogs/images"], PETS),
    "a kind in each class": Layout(
        _in("animals", "cats dogs") + _in("cars", "buses vans"), {"animals": 24, "cars": 24}, says="classes=inner"
    ),
    "a kind in each class, inner": Layout(
        _in("animals", "cats dogs") + _in("cars", "buses vans"),
        {"cats": 12, "dogs": 12, "buses": 12, "vans": 12}, option="inner", says="animals",
    ),
    # Ready-made splits.
    "train and test": Layout(_in("train test"), TWICE, split=True),
    "training_set and test_set": Layout(_in("training_set test_set", under="dataset/"), TWICE, split=True),
    "Training, Validation, Evaluation": Layout(_in("Training Validation Evaluation"), THRICE, split=True),
    "train and dev": Layout(_in("train dev"), TWICE, split=True),
    "train and holdout": Layout(_in("TRAIN Hold-out"), TWICE, split=True),
    "Train_images and val2": Layout(_in("Train_images val2"), TWICE, split=True),
    "trainset and testset": Layout(_in("trainset testset"), TWICE, split=True),
    "numbered parts": Layout(_in("01_train 02_val 03_test"), THRICE, split=True),
    "two tests": Layout(_in("Training PublicTest PrivateTest"), THRICE, split=True),
    "one prefix": Layout(_in("pets_train pets_test"), TWICE, split=True),
    "pictures between": Layout(
        _in("images/train images/test"), TWICE, split=True, extra=["labels/a.txt"], says="labels"
    ),
    "pictures in parts": Layout(_in("train/images test/images"), TWICE, split=True),
    "each part in a copy of its name": Layout(
        [*_in("seg_train/seg_train seg_test/seg_test"), "seg_pred/seg_pred"], TWICE, split=True, says="seg_pred"
    ),
    "German": Layout(_in("Trainingsdaten Validierung Testbilder"), THRICE, split=True),
    "Japanese": Layout(_in("訓練データ 検証データ"), TWICE, split=True),
    "Chinese": Layout(_in("训练集 测试集"), TWICE, split=True),
    "no train": Layout(_in("val test"), TWICE, says="no train folder"),
    "a class of another case": Layout(
        ["train/Cats", "train/Dogs", "test/cats", "test/dogs"], {"Cats": 24, "Dogs": 24}, split=True, says="one class"
    ),
    "a class that test lacks": Layout([*_in("train test"), "train/owls"], TWICE | {"owls": 12}, split=True),
    "a class that train lacks": Layout([*_in("train test"), "test/owls"], "class_too_small", says="owls"),
    "parts in classes": Layout(_in("cats dogs", "train test"), TWICE, split=True),
    "three parts in classes": Layout(_in("cats dogs", "train val test", "pets/"), THRICE, split=True),
    "prefixed parts in classes": Layout(
        _in("cats", "cats_train cats_test") + _in("dogs", "dogs_train dogs_test"), TWICE, split=True
    ),
    "a part beside classes": Layout(["cats", "dogs", *_in("test")], TWICE, split=True, says="test"),
    # Parts without labels.
    "flat test": Layout(["cats", "dogs", "test"], PETS, says='"test"'),
    "flat val": Layout(["cats", "dogs", "val"], PETS, says='"val"'),
    "flat Test_Images": Layout(["cats", "dogs", "Test_Images"], PETS, says='"Test_Images"'),
    "flat test beside train": Layout([*_in("train"), "test"], PETS, says='"test"'),
    "flat test1 beside a wrapper": Layout([*_in("dataset"), "test1"], PETS, says='"test1"'),
    "unlabelled": Layout([*_in("train test"), "unlabeled"], TWICE, split=True, says='"unlabeled"'),
    "pred": Layout(["cats", "dogs", "pred"], PETS, says='"pred"'),
    "test of unknown": Layout([*_in("train val"), "test/unknown"], TWICE, split=True, says='"test"'),
    "pictures of the page beside parts": Layout([*_in("train test"), "figures"], TWICE, split=True, says='"figures"'),
    "samples beside a split": Layout([*_in("data/train data/test"), "samples"], TWICE, split=True, says='"samples"'),
    "samples beside classes": Layout([*_in("data"), "samples"], AMBIGUOUS, says='"data"'),
    "labelled and not": Layout([*_in("labeled"), "unlabeled"], PETS, says='"unlabeled"'),
    "labelled or not": Layout(["labeled", "unlabeled"], {"labeled": 12, "unlabeled": 12}, says="unlabeled"),
    "parts in names": Layout(["train_cats", "train_dogs", "test_cats", "test_dogs"], "no_class_folders"),
    "flat seg_test": Layout(["cats", "dogs", "seg_test"], AMBIGUOUS, says="seg_test"),
    "only parts": Layout(["train", "test"], "no_class_folders", says="classes=outer"),
    "only parts, outer": Layout(["train", "test"], {"train": 12, "test": 12}, option="outer"),
    "only train": Layout(["train"], "no_class_folders"),
    "cats and test": Layout(["cats", "test"], AMBIGUOUS, says="classes=outer"),
    "valid and invalid": Layout(["valid", "invalid"], {"valid": 12, "invalid": 12}, says="valid"),
    # Classes with names of parts.
    "trains": Layout(["train", "bus"], {"train": 12, "bus": 12}, says='"train" was taken as a class'),
    "kinds of trains": Layout(
        _in("train", "steam cargo") + _in("bus", "city coach"), {"train": 24, "bus": 24}, says="train"
    ),
    "kinds of tests": Layout(["covid_test", "flu_test"], {"covid_test": 12, "flu_test": 12}),
    "a test tube": Layout(["test_tube", "beaker"], {"test_tube": 12, "beaker": 12}, says="test_tube"),
    "test, outer": Layout(["cats", "dogs", "test"], PETS | {"test": 12}, option="outer"),
    # Two readings.
    "colour, grey": Layout(_in("color grayscale segmented"), AMBIGUOUS, says='"cats" (36 photos)'),
    "people": Layout(_in("anna ben carl", "ok broken"), AMBIGUOUS, says='"anna" (24 photos)'),
    "people, inner": Layout(_in("anna ben carl", "ok broken"), {"ok": 36, "broken": 36}, option="inner", says="anna"),
    "people, outer": Layout(_in("anna ben", "ok broken"), {"anna": 24, "ben": 24}, option="outer"),
    "people wrapped": Layout(_in("anna/photos ben/photos", "ok broken", "all/"), AMBIGUOUS),
    "one person flat": Layout([*_in("anna ben", "ok broken"), "carl"], AMBIGUOUS),
    "years in each class": Layout(_in("cats dogs", "2023 2024"), AMBIGUOUS, says="2023"),
    "photos and folders in each": Layout(
        ["cats", "dogs", *_in("cats dogs", "old new")], {"cats": 36, "dogs": 36}, says="classes=inner"
    ),
    "an unknown part": Layout(_in("train test extra"), AMBIGUOUS, says="extra"),
    "an unknown part, inner": Layout(_in("train test extra"), THRICE, split=True, option="inner"),
    "parts of sorts": Layout(_in("color/train color/test gray/train gray/test"), AMBIGUOUS),
    "parts of sorts, inner": Layout(
        _in("color/train color/test gray/train gray/test"),
        {"cats": 48, "dogs": 48}, split=True, option="inner", says="gray",
    ),
    "a copy of all": Layout(["cats", "dogs", *_in("pets")], AMBIGUOUS, says='"pets"'),
    "folds": Layout(_in("fold1 fold2"), AMBIGUOUS),
    "crash and drop tests": Layout(_in("crash_test drop_test", "ok broken"), AMBIGUOUS),
    "train beside photos": Layout([*_in("train"), "samples"], AMBIGUOUS),
    # Folders without photos, and other refusals.
    "notes": Layout(["cats", "dogs"], PETS, extra=["notes/readme.txt"], says='"notes"'),
    "an empty folder": Layout(["cats", "dogs"], PETS, extra=["birds/"], says='"birds"'),
    "labels": Layout(["cats", "dogs"], PETS, extra=["cats/000.xml", "labels/000.txt", "classes.json"], says="labels"),
    "notes in a part": Layout(_in("train test"), TWICE, split=True, extra=["train/notes/a.txt"], says="train/notes"),
    "one class": Layout(["cats"], "one_class"),
    "one class and notes": Layout(["cats"], "one_class", extra=["notes/readme.txt"]),
    "side by side": Layout(["."], "no_class_folders"),
    "no photos": Layout([], "no_images", extra=["cats/a.txt", "dogs/b.txt"]),
    "zips in the zip": Layout([], "zip_in_zip", extra=["cats.zip", "dogs.zip"], says="cats.zip"),
    "a zip for a class": Layout(["cats"], "zip_in_zip", extra=["dogs.zip"], says="dogs.zip"),
    "a small class": Layout(["cats", "dogs:9"], "class_too_small"),
    "Cats and cats": Layout(["Cats", "cats"], "class_name_collision"),
}  # fmt: skip
