"""Several earlier models as the stages of a job use them: one is chosen once, by the photos, and stays chosen."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from tests.integration.tiny_network import KEY, ROW, save_weights
from tests.unit.intake.crafted import class_files, zip_of
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.intake.earlier.seen import SeenPhotos
from vm_worker.intake.groups import PhotoDigests
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.catalogue import CATALOGUE, COMMON
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.select import mean_features
from vm_worker.learn.select.mean_features import MeanFeatures
from vm_worker.results.earlier import BASE_WEIGHTS, MANIFEST, MEAN, SEEN, EarlierModel, Version
from vm_worker.results.intake import TakenIn
from vm_worker.spec import BaseSpec, Spec
from vm_worker.stages.artifacts import BEFORE
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.inputs import Inputs
from vm_worker.stages.select import mean_of

CLASSES = ("cats", "dogs")
JOBS = ("aaaaaaaa", "bbbbbbbb")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Weights of the tiny network, which stands for the one by which photos are compared."""
    folder = save_weights(tmp_path_factory.mktemp("tiny") / "weights")
    (folder / f"{KEY}.weights.h5").rename(folder / f"{COMMON}.weights.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CATALOGUE, COMMON, replace(ROW, key=COMMON))
        yield folder


@pytest.fixture(scope="module")
def new(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset[Any]:
    """The new photos, as a job takes them in that does not continue."""
    given = several(tmp_path_factory.mktemp("plain"), weights, {})
    alone = replace(given, bases=(), options=Options(candidates=(COMMON,)))
    return Inputs(alone, CommittedResults(), _silent).dataset()


@pytest.fixture(scope="module")
def of_new(weights: Path, new: Dataset[Any]) -> MeanFeatures:
    """The mean features of the new photos."""
    weight = WeightFile(COMMON, weights / f"{COMMON}.weights.h5", KERAS_H5)
    return mean_features.of_photos(weight, new.pixels(ROW.size), np.arange(len(new.names)))


def several(folder: Path, weights: Path, means: dict[int, MeanFeatures]) -> Spec:
    """A job of two classes whose worker has fetched two models, with these mean features by their places."""
    own = folder / "artifacts"
    own.mkdir()
    zip_of(class_files({"cats": 12, "dogs": 12}), folder / "photos.zip")
    for number, job in enumerate(JOBS):
        base = folder / "base" / str(number + 1)
        base.mkdir(parents=True)
        version = Version(job, f"2026-0{number + 1}-01")
        model = EarlierModel("classification", COMMON, ROW.size, True, CLASSES, (version,))
        (base / MANIFEST).write_text(json.dumps({"result": model.to_json()}))
        digests = [PhotoDigests(0, f"{number:02x}" * 32, f"{number:02x}" * 16)]
        SeenPhotos.of(digests, np.array([False])).save(base / SEEN)
        (base / BASE_WEIGHTS).write_bytes(f"weights of {job}".encode())
        if number in means:
            means[number].save(base / MEAN)
    return Spec(
        job="12345678",
        dataset=folder / "photos.zip",
        folder=own,
        options=Options(base=JOBS, candidates=(COMMON,)),
        limits=Limits(),
        seconds=100.0,
        created_at="",
        started_at="",
        weights=str(weights),
        bases=tuple(BaseSpec(folder / "base" / str(number)) for number in (1, 2)),
    )


def other(of_new: MeanFeatures) -> MeanFeatures:
    """Mean features of photos unlike the new ones."""
    return replace(of_new, mean=(of_new.mean.max() - of_new.mean).astype(np.float32))


def taken_in(given: Spec) -> tuple[Inputs, TakenIn]:
    """Run the first half of the intake stage."""
    from vm_worker.stages.intake import intake

    inputs = Inputs(given, CommittedResults(), _silent)
    context: Any = type("Context", (), {"inputs": inputs})
    result = intake(context).result
    assert isinstance(result, TakenIn)
    return inputs, result


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1])
def test_the_model_whose_photos_are_alike_is_the_one_that_the_job_continues_from(
    tmp_path: Path, weights: Path, of_new: MeanFeatures, place: int
) -> None:
    given = several(tmp_path, weights, {place: of_new, 1 - place: other(of_new)})
    inputs, result = taken_in(given)
    assert result.offered is not None
    assert [row.chosen for row in result.offered] == [place == 0, place == 1]
    assert result.versions is not None and result.versions[0].job == JOBS[place]
    weight = inputs.earlier.weight(catalogue.earlier(COMMON))
    assert weight is not None and weight.path.read_bytes() == f"weights of {JOBS[place]}".encode()
    seen = SeenPhotos.load(given.folder / BEFORE)
    assert seen.content[0, 0] == place


def test_a_later_attempt_does_not_choose_otherwise(tmp_path: Path, weights: Path, of_new: MeanFeatures) -> None:
    """Nor where the chosen model is gone: the photos were split by what that one had seen."""
    given = several(tmp_path, weights, {0: other(of_new), 1: of_new})
    _, result = taken_in(given)
    of_new.save(given.bases[0].folder / MEAN)  # now both are alike, and the first one would be chosen
    results = CommittedResults()
    results.add(Stage.INTAKE, json.loads(json.dumps(result.to_json())), 1.0)
    later = Inputs(given, results, _silent).earlier
    assert later.model is not None and later.model.versions[0].job == JOBS[1]
    seen = later.seen(fetch=False)
    assert seen is not None and seen.content[0, 0] == 1
    shutil.rmtree(given.bases[1].folder)
    again = Inputs(given, results, _silent).earlier
    assert (again.model, again.keys, again.lost) == (None, (), "deleted")


@pytest.mark.slow
def test_a_lost_model_leaves_the_other_and_two_lost_ones_leave_none(
    tmp_path: Path, weights: Path, of_new: MeanFeatures
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "both").mkdir()
    given = several(tmp_path / "one", weights, {0: of_new})
    _, result = taken_in(replace(given, bases=(replace(given.bases[0], lost="damaged"), given.bases[1])))
    assert result.offered is not None and [row.state for row in result.offered] == ["damaged", "not_compared"]
    assert result.versions is not None and result.versions[0].job == JOBS[1]
    given = several(tmp_path / "both", weights, {})
    inputs, result = taken_in(replace(given, bases=tuple(replace(base, lost="deleted") for base in given.bases)))
    assert result.offered is not None and not any(row.chosen for row in result.offered)
    assert inputs.earlier.lost == "deleted" and result.earlier is None


@pytest.mark.parametrize(("left", "kept"), [(100.0, True), (40.0, False)])
def test_where_selection_tried_another_network_the_mean_is_made_if_there_is_time(
    tmp_path: Path, weights: Path, new: Dataset[Any], left: float, kept: bool
) -> None:
    """The last stages take 35 s."""
    clock = SimpleNamespace(end=time.monotonic() + left, after_tuning=lambda speed, gflops: 35.0, crowd=lambda: 1.0)
    spec, inputs = SimpleNamespace(weights=str(weights)), SimpleNamespace(dataset=lambda: new)
    context: Any = SimpleNamespace(spec=spec, inputs=inputs, clock=clock, folder=tmp_path)
    selection: Any = SimpleNamespace(from_scratch=None, mean=None, plain_images_per_second=9.0, winner="vgg16")
    assert [file.name for file in mean_of(context, selection)] == ([MEAN] if kept else [])
    if kept:
        assert MeanFeatures.load(tmp_path / MEAN).photos == int(np.sum(new.parts != Part.TEST))


def _silent(fraction: float, message: str) -> None:
    """Hear no progress."""
