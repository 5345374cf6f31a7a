"""The model that a job continues from: fetched only whole and living, kept beside the model, gone with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jobs import job as jobs
from jobs.job import Job, Stage, Status
from jobs.options import Options
from jobs.sweep import retire
from tests.unit.worker.world import STAGES, World
from vm_worker import bases
from vm_worker.events import File, StageOffer
from vm_worker.manifests import Manifests
from vm_worker.results.earlier import BASE_HEAD, MEAN, SEEN, EarlierModel, Version, is_photos, level_of, photos_name

MODEL = EarlierModel("classification", "vgg16", 224, False, ("cats", "dogs"), (Version("abcdefgh", "2026-01-01"),))


def evaluated(world: World) -> StageOffer:
    """The evaluate stage of a model that later jobs can continue from."""
    offer = world.stage(Stage.EVALUATE, result={"continuing": MODEL.to_json()}, public=False)
    for name in (SEEN, BASE_HEAD, MEAN):
        (world.home / "artifacts" / name).write_text(f"the {name}")
    return replace(offer, files=(*offer.files, *(File(name, False) for name in (SEEN, BASE_HEAD, MEAN))))


def stages(world: World) -> list[StageOffer]:
    return [evaluated(world) if stage is Stage.EVALUATE else world.stage(stage) for stage in STAGES]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose first job is done."""
    world = World(tmp_path / "first")
    world.home.mkdir()
    world.run(*stages(world))
    world.queue.close(world.job.id)
    return world


def continued(world: World, folder: Path, **options: Any) -> Job:
    """Submit a second job, which continues from the first."""
    earlier, world.home = world.job, folder
    world.home.mkdir()
    world.job = world.queue.submit(jobs.new_id(), "bea@example.org", "b" * 64, Options(base=(earlier.id,), **options))
    world.queue.buckets.datasets.put(f"{world.job.id}.zip", b"PK")
    return earlier


def names(world: World, job: Job) -> set[str]:
    return {stat.name.rpartition("/")[2] for stat in world.queue.buckets.models.list(f"{job.id}/")}


def test_what_later_jobs_need_is_kept_beside_the_files_and_goes_with_the_model(world: World) -> None:
    job = world.now()
    assert job.continues == "classification"
    assert {"base.json", SEEN, BASE_HEAD, MEAN} <= names(world, job)
    assert "evaluate.txt" not in names(world, job)  # private, and of no use later
    assert not {"base.json", SEEN, BASE_HEAD, MEAN} & set(job.files)
    manifest = world.read("base.json")
    assert set(manifest["files"]) == {SEEN, BASE_HEAD, MEAN}
    world.clock.advance(31 * 24 * 3600.0)
    retire(world.queue)
    assert world.now().status is Status.DELETED
    assert not names(world, job)


def test_the_record_names_the_manifest_that_the_first_of_two_attempts_has_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    owners = [world.claim("w1").job, world.claim("w2").job]
    first, second = (
        bases.keep(Manifests(world.queue, owner, tmp_path, lambda: None), owner, MODEL, {}) for owner in owners
    )
    there = world.queue.buckets.models.get(f"{world.job.id}/base.json")
    assert there is not None and first == second == bases.Kept(MODEL.task, sha256(there.data).hexdigest())


def test_the_child_gets_the_earlier_model_and_eight_characters_of_its_id(world: World, tmp_path: Path) -> None:
    earlier = continued(world, tmp_path / "second")
    seen: list[str] = []
    world.run(
        lambda: seen.extend(path.read_text() for path in sorted((world.home / "base" / "1").iterdir())), *stages(world)
    )
    spec = world.specs[-1]
    assert [base.lost for base in spec.bases] == [""]
    assert spec.options.base == (earlier.id[:8],)
    assert f"the {SEEN}" in seen and f"the {BASE_HEAD}" in seen
    assert earlier.id not in json.dumps(spec.options.to_json())
    assert world.now().status is Status.DONE


def test_several_models_are_fetched_each_by_itself(world: World, tmp_path: Path) -> None:
    """One that is deleted meanwhile is left out, and one that is deleted later is taken from the child."""
    first = world.job
    earlier = [first, *(another(world, tmp_path / name) for name in ("b", "c"))]
    world.home = tmp_path / "last"
    world.home.mkdir()
    bases = tuple(job.id for job in earlier)
    world.job = world.queue.submit(jobs.new_id(), "bea@example.org", "b" * 64, Options(base=bases))
    world.queue.buckets.datasets.put(f"{world.job.id}.zip", b"PK")
    tampered(world, earlier[1])
    there: list[list[str]] = []

    def look() -> None:
        there.append(sorted(path.name for path in (world.home / "base").iterdir()))

    intake, *rest = stages(world)
    world.run(look, lambda: world.queue.delete(first.id), intake, look, *rest)
    spec = world.specs[-1]
    assert [base.lost for base in spec.bases] == ["", "damaged", ""]
    assert spec.options.base == tuple(job.id[:8] for job in earlier)
    assert there == [["1", "3"], ["3"]]
    assert world.now().status is Status.DONE


def another(world: World, folder: Path) -> Job:
    """Run one more job to its end."""
    world.home = folder
    world.home.mkdir()
    world.job = world.queue.submit(jobs.new_id(), "ada@example.org", "a" * 64, Options())
    world.queue.buckets.datasets.put(f"{world.job.id}.zip", b"PK")
    world.run(*stages(world))
    world.queue.close(world.job.id)
    return world.job


def tampered(world: World, earlier: Job) -> None:
    name = next(
        stat.name for stat in world.queue.buckets.models.list(f"{earlier.id}/") if stat.name.endswith(BASE_HEAD)
    )
    world.queue.buckets.models.put(name, b"other weights")


def other_manifest(world: World, earlier: Job) -> None:
    name = f"{earlier.id}/base.json"
    blob = world.queue.buckets.models.get(name)
    assert blob is not None
    world.queue.buckets.models.put(name, blob.data.replace(b"vgg16", b"xception"))


def without_head(world: World, earlier: Job) -> None:
    name = next(
        stat.name for stat in world.queue.buckets.models.list(f"{earlier.id}/") if stat.name.endswith(BASE_HEAD)
    )
    world.queue.buckets.models.delete(name)


def past(world: World, earlier: Job) -> None:
    """To the second: its time ends when the worker fetches it."""
    world.queue.update(earlier.id, lambda job: replace(job, delete_after=world.clock.now()))


def of_another(world: World, earlier: Job) -> None:
    """Its manifest, which the record knows, names a file of another job."""
    name = f"{earlier.id}/base.json"
    blob = world.queue.buckets.models.get(name)
    assert blob is not None
    manifest = json.loads(blob.data)
    head = manifest["files"][BASE_HEAD]
    there = world.queue.buckets.models.get(head["object"])
    assert there is not None
    head["object"] = f"{'x' * 22}/artifacts/1/{BASE_HEAD}"
    world.queue.buckets.models.put(head["object"], there.data)
    data = json.dumps(manifest).encode()
    world.queue.buckets.models.put(name, data)
    world.queue.update(earlier.id, lambda job: replace(job, base_sha256=sha256(data).hexdigest()))


@pytest.mark.parametrize(
    ("harm", "lost"),
    [
        (tampered, "damaged"),
        (other_manifest, "damaged"),
        (of_another, "damaged"),
        (without_head, "deleted"),
        (past, "deleted"),
        (lambda world, earlier: world.queue.delete(earlier.id), "deleted"),
    ],
)
def test_a_job_goes_on_without_an_earlier_model_that_is_gone_or_was_exchanged(
    world: World, tmp_path: Path, harm: Callable[[World, Job], None], lost: str
) -> None:
    earlier = continued(world, tmp_path / "second")
    harm(world, earlier)
    world.run(*stages(world))
    spec = world.specs[-1]
    assert [base.lost for base in spec.bases] == [lost]
    assert not spec.bases[0].folder.exists()
    assert world.now().status is Status.DONE


def test_a_model_that_is_deleted_before_selection_is_taken_from_the_child(world: World, tmp_path: Path) -> None:
    earlier = continued(world, tmp_path / "second")
    folder = world.home / "base" / "1"
    there: list[bool] = []
    intake, *rest = stages(world)
    world.run(
        lambda: there.append(folder.exists()),
        lambda: world.queue.delete(earlier.id),
        intake,
        lambda: there.append(folder.exists()),
        *rest,
    )
    assert there == [True, False]
    assert world.now().status is Status.DONE


def test_a_model_that_is_deleted_while_it_is_learnt_from_stays_until_the_report(world: World, tmp_path: Path) -> None:
    """What tunes and tests still needs its weights; the report is to say that it is gone."""
    earlier = continued(world, tmp_path / "second")
    folder = world.home / "base" / "1"
    there: dict[str, bool] = {}
    steps: list[Any] = []
    for offer in stages(world):
        steps += [lambda name=offer.stage: there.update({name: folder.exists()}), offer]
        if offer.stage is Stage.INTAKE:
            steps.append(lambda: world.queue.delete(earlier.id))
    world.run(*steps)
    assert [stage for stage, kept in there.items() if not kept] == [Stage.REPORT]
    assert world.now().status is Status.DONE


def test_a_model_of_the_version_before_has_nothing_to_continue_from(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(*(world.stage(stage) for stage in STAGES))
    assert world.now().status is Status.DONE
    assert (world.now().continues, world.now().base_sha256) == ("", "")


def keeping(world: World, classes: str = "") -> None:
    """Submit a job that keeps its photos, and run it to its end."""
    world.home.mkdir(exist_ok=True)
    options = Options(keep_photos=True, classes=classes)
    world.job = world.queue.submit(jobs.new_id(), "ada@example.org", "a" * 64, options)
    world.queue.buckets.datasets.put(f"{world.job.id}.zip", b"PK old")
    world.run(*stages(world))
    world.queue.close(world.job.id)


def test_photos_are_kept_only_where_asked_for_and_go_with_the_model(world: World, tmp_path: Path) -> None:
    assert not [name for name in names(world, world.job) if name.startswith("photos")]
    world.home = tmp_path / "kept"
    keeping(world)
    job = world.now()
    assert "photos-1.zip" in names(world, job) and "photos-1.zip" not in job.files
    assert "photos-1.zip" in world.read("base.json")["files"]
    assert world.queue.uploaded(job.id) is None  # the bucket of uploads is as empty as ever
    world.queue.delete(job.id)
    assert not names(world, job)


def test_the_name_of_kept_photos_tells_by_which_folders_they_were_read(world: World, tmp_path: Path) -> None:
    world.home = tmp_path / "kept"
    keeping(world, "inner")
    assert [name for name in names(world, world.now()) if is_photos(name)] == [photos_name(1, "inner")]
    assert (level_of(photos_name(1, "inner")), level_of(photos_name(1, ""))) == ("inner", "")


@pytest.mark.parametrize("add", [True, False])
def test_kept_photos_are_fetched_only_to_be_added_to(world: World, tmp_path: Path, add: bool) -> None:
    world.home = tmp_path / "kept"
    keeping(world)
    continued(world, tmp_path / "second", add=add, keep_photos=add)
    there: list[str] = []
    intake, *rest = stages(world)
    if add:
        (world.home / "artifacts" / "photos-1.zip").write_bytes(b"PK old")  # as the child copies it
        intake = replace(intake, files=(*intake.files, File("photos-1.zip", False)))
    world.run(lambda: there.extend(path.name for path in (world.home / "base" / "1").iterdir()), intake, *rest)
    assert ("photos-1.zip" in there) is add
    kept = {name for name in names(world, world.job) if name.startswith("photos")}
    assert kept == ({"photos-1.zip", "photos-2.zip"} if add else set())
