"""A job that continues from another's model: real stages over the tiny network, buckets in memory."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs import job as jobs
from jobs.clock import SystemClock
from jobs.job import Job, Status
from jobs.limits import Limits
from jobs.options import Options
from jobs.queue import Queue
from jobs.storage.store import Buckets, MemoryStore
from tests.integration.test_real_stages import COLOURS, photo
from tests.integration.tiny_network import KEY, save_weights
from vm_worker.attempt import Attempt
from vm_worker.job_run import JobRun
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.spec import Spec
from vm_worker.worker_config import WorkerConfig

pytestmark = pytest.mark.slow
OPTIONS = Options(minutes=2, candidates=(KEY,), epochs=4, trials=1, exports=("h5",))


@dataclass
class House:
    """Buckets in memory, and a worker whose children know the tiny network."""

    queue: Queue
    folder: Path
    weights: Path

    @classmethod
    def build(cls, folder: Path) -> House:
        clock = SystemClock()
        queue = Queue(Buckets(*(MemoryStore(clock) for _ in range(3))), clock, Limits())
        return cls(queue, folder, save_weights(folder / "weights"))

    def run(self, photos: bytes, **options: Any) -> Job:
        """Run one job to its end."""
        queue, job_id = self.queue, jobs.new_id()
        queue.submit(job_id, "ada@example.org", "a" * 64, replace(OPTIONS, **options))
        queue.buckets.datasets.put(f"{job_id}.zip", photos)
        (waiting,) = queue.waiting()
        record = queue.claim(waiting, "w")
        assert record is not None

        def launch(spec: Spec, home: Path) -> Attempt:
            return Attempt(replace(spec, stages="tests.integration.tiny_stages"), home)

        config = WorkerConfig(queue, launch, LeasePolicy(60.0), weights=str(self.weights))
        home = self.folder / job_id
        home.mkdir()
        JobRun(config, record, home, queue.clock.monotonic()).run()
        ended = queue.read(job_id)
        assert ended is not None
        assert ended.job.status is Status.DONE, (home / "attempt.log").read_text()
        queue.close(job_id)
        return ended.job

    def report(self, job: Job) -> Any:
        blob = self.queue.buckets.models.get(job.files["report.json"].object)
        assert blob is not None
        return json.loads(blob.data)

    def objects(self, job: Job) -> set[str]:
        return {stat.name.rpartition("/")[2] for stat in self.queue.buckets.models.list(f"{job.id}/")}


def upload(numbers: range, colours: tuple[str, ...] = tuple(COLOURS), quality: int = 95) -> bytes:
    """A zip of noisy photos: equal numbers are equal photos, but for their names and their compression."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in colours:
            for number in numbers:
                pixels = photo(COLOURS[name], np.random.default_rng(number + 1000 * list(COLOURS).index(name)))
                file = BytesIO()
                Image.fromarray(pixels).resize((64, 64)).save(file, "JPEG", quality=quality)
                made.writestr(f"{name}/{quality}-{number}.jpg", file.getvalue())
    return out.getvalue()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House.build(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def first(house: House) -> Job:
    return house.run(upload(range(30)))


def test_a_model_is_kept_for_later_jobs_beside_its_files(house: House, first: Job) -> None:
    assert (first.continues, len(first.base_sha256)) == ("classification", 64)
    kept = house.objects(first)
    assert {"base.json", "seen.npz", "base_head.npz"} <= kept
    assert not {"seen.npz", "base_head.npz", "base.json"} & set(first.files)
    assert "test.npz" not in kept  # no later job needs it


def test_a_job_continues_and_tells_what_the_earlier_model_was_worth(house: House, first: Job) -> None:
    second = house.run(upload(range(60), quality=80), base=first.id, seed=1)
    report = house.report(second)
    counts = report["dataset"]["earlier"]
    assert (counts["new"], counts["tested"], counts["learnt"], counts["use"]) == (90, 18, 72, "continues")
    assert report["job"]["options"]["base"] == first.id[:8]
    assert first.id not in json.dumps(report)
    continued = report["earlier"]
    assert [row["way"] for row in continued["rows"]][:2] == ["earlier", "untouched"]
    assert continued["photos"] > 30
    assert continued["same_tests"]["photos"] == 18
    chain = [version["job"] for version in report["chain"]]
    assert chain == [second.id[:8], first.id[:8]][: len(chain)]
    house.queue.delete(first.id)
    assert not list(house.queue.buckets.models.list(f"{first.id}/"))
