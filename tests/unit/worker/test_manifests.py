"""What is committed of a job, read and written through a storage that fails now and then."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs import job as jobs
from jobs.clock import FakeClock
from jobs.errors import Bug, LeaseLost, Transient
from jobs.job import FileEntry, Job, Stage
from jobs.limits import Limits
from jobs.options import Options
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from vm_worker.events import Answer, File, StageOffer, TrialOffer
from vm_worker.manifests import TRIES, Manifest, ManifestFile, Manifests
from vm_worker.spec import Done

KEY = "ab" * 20


@pytest.fixture
def queue() -> Queue:
    clock = FakeClock()
    return Queue(Buckets(*(MemoryStore(clock) for _ in range(3))), clock, Limits())


@pytest.fixture
def job(queue: Queue) -> Job:
    job = queue.submit(jobs.new_id(), "ada@example.org", "a" * 64, Options())
    queue.buckets.datasets.put(f"{job.id}.zip", b"PK")
    record = queue.claim(next(queue.waiting()), "w")
    assert record is not None
    return record.job


@pytest.fixture
def manifests(queue: Queue, job: Job, tmp_path: Path) -> Manifests:
    return Manifests(queue, job, tmp_path, lambda: None)


def failing(call: Callable[..., Any], times: int) -> Callable[..., Any]:
    """The call, after so many failures of the storage."""
    left = [None] * times

    def fails(*arguments: Any, **more: Any) -> Any:
        if left:
            left.pop()
            raise Transient("503")
        return call(*arguments, **more)

    return fails


def test_what_is_put_once_stays_as_the_first_attempt_wrote_it(queue: Queue, job: Job, tmp_path: Path) -> None:
    first, second = (Manifests(queue, job, tmp_path, lambda: None) for _ in range(2))
    assert first.put_once("kept.json", b"first") == b"first"
    assert second.put_once("kept.json", b"second") == b"first"
    there = queue.buckets.models.get("kept.json")
    assert there is not None and there.data == b"first"


def test_a_manifest_is_written_with_the_digest_of_its_files(
    queue: Queue, job: Job, manifests: Manifests, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("x")
    offer = StageOffer(Stage.INTAKE, 2.5, {"n": [1, None]}, (File("a.txt", True, "text/plain"),))
    assert manifests.commit(offer) == Answer(go="intake")
    blob = queue.buckets.models.get(f"{job.id}/stages/intake.json")
    assert blob is not None
    plain = json.loads(blob.data)
    assert plain == {
        "stage": "intake",
        "token": 1,
        "seconds": 2.5,
        "result": {"n": [1, None]},
        "files": {
            "a.txt": {
                "object": f"{job.id}/artifacts/1/a.txt",
                "bytes": 1,
                "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
                "content_type": "text/plain",
                "public": True,
            }
        },
    }
    assert Manifest.from_json(plain).to_json() == plain
    assert manifests.public_files() == {
        "a.txt": FileEntry(object=f"{job.id}/artifacts/1/a.txt", bytes=1, content_type="text/plain")
    }


def test_a_trials_manifest_names_its_key(queue: Queue, job: Job, manifests: Manifests) -> None:
    assert manifests.commit(TrialOffer(KEY, 1.0, {"loss": 0.5})) == Answer(go=KEY)
    blob = queue.buckets.models.get(f"{job.id}/trials/{KEY}.json")
    assert blob is not None
    assert json.loads(blob.data) == {
        "trial": KEY,
        "token": 1,
        "seconds": 1.0,
        "result": {"loss": 0.5},
        "files": {},
    }
    assert manifests.trials == {KEY: Done({"loss": 0.5}, 1.0)}
    assert not manifests.complete


def test_a_storage_that_fails_a_few_times_is_asked_again(
    queue: Queue, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    manifests = Manifests(queue, job, tmp_path, lambda: asked.append(None))
    monkeypatch.setattr(queue.buckets.datasets, "download", failing(queue.buckets.datasets.download, TRIES - 1))
    began = queue.clock.monotonic()
    manifests.fetch_dataset(tmp_path / "x.zip")
    assert (tmp_path / "x.zip").read_bytes() == b"PK"
    assert queue.clock.monotonic() > began
    assert len(asked) == TRIES  # the lease is looked at before each request


def test_a_storage_that_goes_on_failing_is_given_up(
    queue: Queue, manifests: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.buckets.datasets, "download", failing(queue.buckets.datasets.download, TRIES))
    with pytest.raises(Transient, match="503"):
        manifests.fetch_dataset(tmp_path / "x.zip")


def test_a_dataset_that_is_gone_is_no_fault_of_the_job(
    queue: Queue, job: Job, manifests: Manifests, tmp_path: Path
) -> None:
    queue.buckets.datasets.delete(f"{job.id}.zip")
    with pytest.raises(Transient, match="the dataset is gone"):
        manifests.fetch_dataset(tmp_path / "x.zip")


def test_an_owner_whose_lease_is_lost_asks_for_nothing_more(queue: Queue, job: Job, tmp_path: Path) -> None:
    def lost() -> None:
        raise LeaseLost("lost")

    with pytest.raises(LeaseLost):
        Manifests(queue, job, tmp_path, lost).adopt_all()


def test_a_job_without_an_owner_is_our_error(queue: Queue, tmp_path: Path) -> None:
    waiting = queue.submit(jobs.new_id(), "ada@example.org", "b" * 64, Options())
    with pytest.raises(Bug, match="has no owner"):
        Manifests(queue, waiting, tmp_path, lambda: None)


def test_ones_own_manifest_whose_write_seemed_to_fail_counts(
    queue: Queue, manifests: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, lost = queue.buckets.models.put, [None]

    def answer_is_lost(*arguments: Any, **more: Any) -> int:
        generation = put(*arguments, **more)
        if lost:
            lost.pop()
            raise Transient("the answer was lost")
        return generation

    monkeypatch.setattr(queue.buckets.models, "put", answer_is_lost)
    assert manifests.commit(StageOffer(Stage.INTAKE, 1.0, {"mine": 1})) == Answer(go="intake")
    assert manifests.stages == {"intake": Done({"mine": 1}, 1.0)}


@pytest.mark.parametrize("late", [0, 1], ids=["the owner is second", "an owner that was replaced is second"])
def test_who_comes_second_adopts_what_the_first_has_written(queue: Queue, job: Job, tmp_path: Path, late: int) -> None:
    again = queue.claim(next(queue.waiting()), "w2")
    assert again is not None
    owners = [job, again.job] if late == 0 else [again.job, job]
    first, second = (Manifests(queue, owner, tmp_path / str(n), lambda: None) for n, owner in enumerate(owners))
    for own, by in ((first, "first"), (second, "second")):
        own.folder.mkdir()
        (own.folder / "a.txt").write_text(by)
    rows = (File("a.txt", True, "text/plain"),)
    assert first.commit(StageOffer(Stage.INTAKE, 1.0, {"by": "first"}, rows)) == Answer(go="intake")
    assert second.commit(StageOffer(Stage.INTAKE, 2.0, {"by": "second"}, rows)) == Answer(adopt={"by": "first"})
    assert second.stages == {"intake": Done({"by": "first"}, 1.0)}
    assert (second.folder / "a.txt").read_text() == "first"
    assert second.public_files() == first.public_files()


def test_a_trial_counts_once_in_the_time_and_names_its_stage(queue: Queue, job: Job, manifests: Manifests) -> None:
    manifests.commit(TrialOffer(KEY, 5.0, {}, stage=Stage.SELECT))
    manifests.commit(TrialOffer("cd" * 20, 3.0, {}))
    assert manifests.seconds == 8.0
    manifests.commit(StageOffer(Stage.SELECT, 20.0, {}))
    assert manifests.seconds == 23.0  # the time of selection includes its trials
    later = Manifests(queue, job, manifests.folder, lambda: None)
    later.adopt_all()
    assert {key: done.stage for key, done in later.trials.items()} == {KEY: Stage.SELECT, "cd" * 20: Stage.TUNE}
    assert later.seconds == 23.0


def test_a_trial_that_was_deleted_between_two_requests_is_left_out(
    queue: Queue, job: Job, manifests: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests.commit(TrialOffer(KEY, 1.0, {}))
    get = queue.buckets.models.get
    monkeypatch.setattr(queue.buckets.models, "get", lambda name: None if "/trials/" in name else get(name))
    later = Manifests(queue, job, manifests.folder, lambda: None)
    later.adopt_all()
    assert later.trials == {} and later.seconds == 0.0


def test_a_manifest_that_was_deleted_after_it_was_first_does_not_hold_up_the_job(
    queue: Queue, job: Job, manifests: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.buckets.models.put(f"{job.id}/stages/intake.json", b"{}")
    monkeypatch.setattr(queue.buckets.models, "get", lambda name: None)
    assert manifests.commit(StageOffer(Stage.INTAKE, 1.0, {})) == Answer(go="intake")


def test_what_a_version_before_this_one_wrote_is_read() -> None:
    file = {"object": "o", "bytes": 3, "sha256": "s", "content_type": "text/plain", "public": False}
    plain = {"trial": KEY, "token": 2, "seconds": 4, "result": {"points": [[1, 2]]}, "files": {"a": file}}
    read = Manifest.from_json(plain)
    assert (read.stage, read.trial, read.token, read.done) == (None, KEY, 2, Done({"points": [[1, 2]]}, 4.0))
    assert read.files == {"a": ManifestFile("o", 3, "s", "text/plain", False)}


def committed(manifests: Manifests, folder: Path) -> None:
    """Two public files and a private one."""
    for name in ("a.txt", "b.txt", "c.npz"):
        (folder / name).write_text(name)
    rows = (File("a.txt", True, "text/plain"), File("b.txt", True, "text/plain"), File("c.npz", False))
    manifests.commit(StageOffer(Stage.REPORT, 1.0, {}, rows))


def test_what_is_delivered_is_also_one_zip(queue: Queue, manifests: Manifests, tmp_path: Path) -> None:
    committed(manifests, tmp_path)
    files = manifests.delivered()
    assert list(files) == ["a.txt", "b.txt", "all.zip"]
    blob = queue.buckets.models.get(files["all.zip"].object)
    assert blob is not None and files["all.zip"].content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(blob.data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a.txt": b"a.txt", "b.txt": b"b.txt"}


def test_a_zip_that_is_too_large_or_cannot_be_written_is_left_out(manifests: Manifests, tmp_path: Path) -> None:
    committed(manifests, tmp_path)
    assert list(manifests.delivered(most=10)) == ["a.txt", "b.txt", "all.zip"]
    assert list(manifests.delivered(most=9)) == ["a.txt", "b.txt"]
    (tmp_path / "all.zip").unlink()
    (tmp_path / "all.zip").mkdir()  # as good as a full disk
    assert list(manifests.delivered()) == ["a.txt", "b.txt"]
