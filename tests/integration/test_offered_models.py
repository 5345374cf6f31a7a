"""A job that is given two earlier models: real stages over the tiny network, buckets in memory."""

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
from vm_worker.learn.networks.catalogue import COMMON

pytestmark = pytest.mark.slow
OPTIONS = Options(minutes=2, candidates=(COMMON,), epochs=4, trials=1, exports=("h5",))
DARK = {"blue": (10, 10, 40), "green": (10, 40, 10), "red": (40, 10, 10)}  # the same names, other photos


def upload(numbers: range, colours: dict[str, tuple[int, int, int]]) -> bytes:
    """A zip of noisy photos of these colours."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, colour in colours.items():
            for number in numbers:
                pixels = photo(colour, np.random.default_rng(number + 1000 * list(colours).index(name)))
                file = BytesIO()
                Image.fromarray(pixels).resize((64, 64)).save(file, "JPEG", quality=90)
                made.writestr(f"{name}/{number}.jpg", file.getvalue())
    return out.getvalue()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house")
    weights = save_weights(folder / "weights")
    (weights / f"{KEY}.weights.h5").rename(weights / f"{COMMON}.weights.h5")
    return House.build(folder, OPTIONS, weights=str(weights), stages="tests.integration.common_stages")


@pytest.fixture(scope="module")
def dark(house: House) -> Job:
    return house.run(upload(range(100, 140), DARK))


def test_the_related_model_is_chosen_and_one_that_is_deleted_is_left_out(house: House, dark: Job) -> None:
    bright = house.run(upload(range(30), COLOURS))
    assert "base_mean.npz" in house.objects(bright) and "base_mean.npz" not in bright.files
    later = house.run(upload(range(60), COLOURS), base=(dark.id, bright.id))
    report = house.report(later)
    first, second = report["earlier"]["offered"]
    assert (first["job"], first["chosen"], first["rank"]) == (bright.id[:8], True, 1)
    assert (second["job"], second["chosen"], second["state"]) == (dark.id[:8], False, "compared")
    assert first["similarity"] > second["similarity"] and first["score"] > second["score"]
    assert first["actual"] is not None and second["actual"] is None
    assert "looks most like these photos" in report["earlier"]["sentences"][0]
    counts = report["dataset"]["earlier"]
    assert (counts["tested"] + counts["learnt"], counts["use"]) == (90, "continues")  # what the related one has seen
    assert report["job"]["options"]["base"] == [dark.id[:8], bright.id[:8]]
    assert not [job for job in (dark, bright) if job.id in json.dumps(report)]
    house.queue.delete(bright.id)
    again = house.report(house.run(upload(range(60), COLOURS), base=(bright.id, dark.id)))
    assert [(row["job"], row["state"]) for row in again["earlier"]["offered"]] == [
        (dark.id[:8], "not_compared"),
        (bright.id[:8], "deleted"),
    ]
    assert f"Of {bright.id[:8]}: it was deleted" in again["earlier"]["sentences"][0]
