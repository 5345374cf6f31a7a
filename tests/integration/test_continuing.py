"""A job that continues from another's model: real stages over the tiny network, buckets in memory."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from jobs.job import Job
from jobs.options import Options
from tests.integration.house import House
from tests.integration.test_real_stages import COLOURS, photo
from tests.integration.tiny_network import KEY, save_weights

pytestmark = pytest.mark.slow
OPTIONS = Options(minutes=2, candidates=(KEY,), epochs=4, trials=1, exports=("h5",))


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
    folder = tmp_path_factory.mktemp("house")
    weights = str(save_weights(folder / "weights"))
    return House.build(folder, OPTIONS, weights=weights, stages="tests.integration.tiny_stages")


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
    second = house.run(upload(range(60), quality=80), base=(first.id,), seed=1)
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


def test_other_classes_take_the_network_alone_or_nothing(house: House) -> None:
    earlier = house.run(upload(range(30), ("blue", "green")))
    later = house.run(upload(range(100, 140)), base=(earlier.id,))
    told = house.report(later)["earlier"]
    assert "untouched" not in [row["way"] for row in told["rows"]]
    assert told["sentences"]


def test_a_model_that_is_deleted_at_the_last_moment_is_told_of_at_the_top(house: House) -> None:
    earlier = house.run(upload(range(30)))
    later = house.run(upload(range(60)), lambda: house.queue.delete(earlier.id), base=(earlier.id,))
    report = house.report(later)
    assert report["cautions"][0].startswith("The earlier model was deleted")
    assert not report["earlier"]["used"] and len(report["chain"]) == 1


def test_new_photos_are_added_to_those_that_two_jobs_kept(house: House) -> None:
    """The second sends two classes alone; the third is served although the second is deleted as it begins."""
    first = house.run(upload(range(30)), keep_photos=True)
    second = house.run(upload(range(30, 60), ("blue", "green")), base=(first.id,), add=True, keep_photos=True)
    dataset = house.report(second)["dataset"]
    assert dataset["images"] == 150
    assert (dataset["earlier"]["new"], dataset["earlier"]["use"]) == (60, "same_test")  # no new red ones to choose by
    assert {"photos-1.zip", "photos-2.zip"} <= house.objects(second)
    third = house.run(upload(range(60, 70)), lambda: house.queue.delete(second.id), base=(second.id,), add=True)
    report = house.report(third)
    assert report["dataset"]["images"] == 180
    assert report["cautions"][0].startswith("The earlier model was deleted")
    assert "could not be added" not in json.dumps(report["cautions"])
    assert not {"photos-1.zip", "photos-2.zip", "photos-3.zip"} & house.objects(third)
