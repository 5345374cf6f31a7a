"""The earlier model as the stages of a job use it: whole, gone, or taken over from another machine."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options
from tests.unit.detection.label_zips import cvat_coco
from tests.unit.detection.label_zips import photos as drawn_photos
from tests.unit.intake.crafted import class_files, photo, zip_of
from vm_worker.intake.earlier.seen import SeenPhotos
from vm_worker.intake.earlier.use import EarlierPhotos, Use
from vm_worker.intake.groups import PhotoDigests
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks.weights import EARLIER
from vm_worker.results.earlier import BASE_HEAD, BASE_PARTNER, BASE_WEIGHTS, MANIFEST, SEEN, EarlierModel, Version
from vm_worker.spec import BaseSpec, Spec
from vm_worker.stages.artifacts import BEFORE, START
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.earlier import EarlierInputs
from vm_worker.stages.inputs import Inputs
from vm_worker.tasks.uploads import take_in

CLASSES = ("cats", "dogs")
MODEL = EarlierModel("classification", "efficientnet_lite0", 224, False, CLASSES, (Version("abcdefgh", "2026-01-01"),))
KEY = "base_efficientnet_lite0"
HERE = ("efficientnet_lite0",)  # networks whose pretrained weights this machine has


def spec(folder: Path, model: EarlierModel = MODEL, **options: Any) -> Spec:
    """A job whose worker has fetched the model."""
    base, own = folder / "base", folder / "artifacts"
    base.mkdir()
    own.mkdir()
    (base / MANIFEST).write_text(json.dumps({"result": model.to_json()}))
    photo = PhotoDigests(0, "ab" * 32, "cd" * 16)
    SeenPhotos.of([photo], np.array([True])).save(base / SEEN)
    zeros = np.zeros((4, 2), np.float32)
    for name in (BASE_HEAD, BASE_PARTNER):
        Head(zeros[:, 0], zeros[:, 0] + 1, zeros, zeros[0]).save(base / name)
    if model.tuned:
        (base / BASE_WEIGHTS).write_bytes(b"weights")
    (base / "photos-1.zip").write_bytes(b"PK")
    return Spec(
        job="12345678",
        dataset=folder / "photos.zip",
        folder=own,
        options=Options(base=("abcdefgh",), **options),
        limits=Limits(),
        seconds=100.0,
        created_at="",
        started_at="",
        bases=(BaseSpec(base),),
    )


def photos(use: Use = Use.CONTINUES, classes: tuple[str, ...] = CLASSES) -> Any:
    """What the candidates need to know of a dataset."""
    known = EarlierPhotos(np.zeros(4, np.uint8), np.full(4, -1), np.ones(4, bool), use)
    return SimpleNamespace(earlier=known, truth=SimpleNamespace(classes=classes))


def test_the_same_classes_take_network_and_head(tmp_path: Path) -> None:
    found = EarlierInputs(spec(tmp_path)).networks(photos(), HERE)
    assert found is not None
    assert (found.keys, dict(found.weights), found.tuned, set(found.heads)) == ((KEY,), {}, False, {KEY})


def test_other_classes_take_a_tuned_network_without_its_head_and_nothing_of_another(tmp_path: Path) -> None:
    (tmp_path / "tuned").mkdir()
    (tmp_path / "plain").mkdir()
    tuned = EarlierInputs(spec(tmp_path / "tuned", replace(MODEL, tuned=True)))
    found = tuned.networks(photos(classes=("cats", "cows")), ())
    assert found is not None and not found.heads
    assert found.weights[KEY].kind == EARLIER
    assert EarlierInputs(spec(tmp_path / "plain")).networks(photos(classes=("cats", "cows")), HERE) is None


def test_a_pair_brings_both_its_networks(tmp_path: Path) -> None:
    pair = EarlierInputs(spec(tmp_path, replace(MODEL, partner="efficientnet_lite2")))
    found = pair.networks(photos(), (*HERE, "efficientnet_lite2"))
    assert found is not None
    assert found.keys == (KEY, "base_efficientnet_lite2")
    assert set(found.heads) == set(found.keys)
    assert pair.networks(photos(), HERE) is None  # a machine that lacks one of them


@pytest.mark.parametrize("side", [260, None])
def test_a_pair_whose_networks_have_the_sides_of_before_is_known(tmp_path: Path, side: int | None) -> None:
    pair = EarlierInputs(spec(tmp_path, replace(MODEL, partner="efficientnet_lite2", partner_side=side)))
    assert pair.keys == (KEY, "base_efficientnet_lite2")


@pytest.mark.parametrize(
    "model",
    [
        replace(MODEL, network="of_another_version"),
        replace(MODEL, side=192),
        replace(MODEL, partner="efficientnet_lite2", partner_side=288),
    ],
)
def test_a_network_that_the_catalogue_does_not_have_is_no_candidate(tmp_path: Path, model: EarlierModel) -> None:
    earlier = EarlierInputs(spec(tmp_path, model))
    assert earlier.keys == () and earlier.networks(photos(), HERE) is None


@pytest.mark.parametrize("use", [Use.SAME_TEST, Use.NOTHING])
def test_what_cannot_be_judged_honestly_is_no_candidate(tmp_path: Path, use: Use) -> None:
    assert EarlierInputs(spec(tmp_path)).networks(photos(use), HERE) is None


def test_without_a_model_there_is_nothing(tmp_path: Path) -> None:
    earlier = EarlierInputs(replace(spec(tmp_path), bases=(), options=Options()))
    assert (earlier.model, earlier.keys, earlier.lost) == (None, (), "")
    assert earlier.seen(True) is None and earlier.photos(True) == () and earlier.weight(KEY) is None


def test_a_model_that_is_deleted_meanwhile_is_lost_but_the_split_stays(tmp_path: Path) -> None:
    given = spec(tmp_path, replace(MODEL, tuned=True), add=True)
    first = EarlierInputs(given)
    assert first.seen(True) is not None
    assert [path.name for path in first.photos(True)] == ["photos-1.zip"]
    assert first.taken_over(KEY) == (START,) and first.taken_over("efficientnet_lite0") == ()
    shutil.rmtree(given.bases[0].folder)
    later = EarlierInputs(given)
    assert later.lost == "deleted" and later.keys == ()
    assert later.seen(False) is not None and len(later.photos(False)) == 1
    weight = later.weight(KEY)
    assert weight is not None and weight.path == given.folder / START
    assert later.taken_over(KEY) == (START,)


def test_only_the_first_attempt_looks_at_the_fetched_model(tmp_path: Path) -> None:
    """Where another machine split the photos without it, they must be split alike again."""
    given = spec(tmp_path, add=True)
    earlier = EarlierInputs(given)
    assert earlier.seen(False) is None and earlier.photos(False) == ()
    assert not (given.folder / BEFORE).exists()


def test_a_damaged_model_is_named_so(tmp_path: Path) -> None:
    given = spec(tmp_path)
    shutil.rmtree(given.bases[0].folder)
    assert EarlierInputs(replace(given, bases=(replace(given.bases[0], lost="damaged"),))).lost == "damaged"


@pytest.mark.parametrize(
    ("lost", "add", "words"),
    [
        ("deleted", True, "was deleted meanwhile"),
        ("damaged", True, "are not as they were stored"),
        ("deleted", False, ""),
    ],
)
def test_photos_that_are_too_few_alone_are_refused_with_the_reason(
    tmp_path: Path, lost: str, add: bool, words: str
) -> None:
    given = spec(tmp_path, add=add, task="classification")
    shutil.rmtree(given.bases[0].folder)
    zip_of(class_files({"cats": 12}), given.dataset)
    with pytest.raises(UserError) as caught:
        Inputs(replace(given, bases=(replace(given.bases[0], lost=lost),)), CommittedResults(), _silent).dataset()
    assert caught.value.code == "one_class"
    assert caught.value.message.endswith('The only class folder is "cats".')
    assert (words in caught.value.message) and ("added" in caught.value.message) is add


def test_photos_for_a_model_of_another_kind_are_refused_with_that_reason(tmp_path: Path) -> None:
    given = spec(tmp_path, task="classification")
    zip_of(cvat_coco(drawn_photos()), given.dataset)
    with pytest.raises(UserError, match="look like a job for finding and counting objects") as caught:
        Inputs(given, CommittedResults(), _silent).dataset()
    assert caught.value.code == "one_class"


def test_a_spec_with_a_model_survives_its_file(tmp_path: Path) -> None:
    given = spec(tmp_path)
    given.save(tmp_path / "spec.json")
    assert Spec.load(tmp_path / "spec.json") == given


@pytest.mark.slow
def test_photos_are_added_and_split_by_what_the_model_has_seen(tmp_path: Path) -> None:
    given = spec(tmp_path, add=True)
    zip_of(class_files({"cats": 40, "dogs": 40}), given.bases[0].folder / "photos-1.zip")
    before = take_in(
        IntakeRequest(given.bases[0].folder / "photos-1.zip", tmp_path / "cache", (), 0, Limits(), 1), _silent
    )
    assert before.seen is not None
    before.seen.save(given.bases[0].folder / SEEN)
    new = {f"cats/new-{number}.jpg": photo(5000 + number) for number in range(40)}
    new |= {f"dogs/new-{number}.jpg": photo(6000 + number) for number in range(40)}
    zip_of(new, given.dataset)
    dataset = Inputs(given, CommittedResults(), lambda fraction, text: None).dataset()
    assert dataset.earlier is not None and dataset.earlier.use is Use.CONTINUES
    assert len(dataset.names) == 160
    counts = dataset.taken_in().earlier
    assert counts is not None and (counts.new, counts.learnt + counts.tested) == (80, 80)
    again = Inputs(given, CommittedResults(), lambda fraction, text: None).dataset()
    assert again.split_sha256() == dataset.split_sha256()
    assert {path.name for path in given.folder.glob("*.*")} >= {BEFORE, "photos-1.zip"}


def _silent(fraction: float, message: str) -> None:
    """Hear no progress."""
