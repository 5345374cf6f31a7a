"""A detector's service on a real port, by REST, by SOAP and by its page."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import zeep
from PIL import Image

from tests.unit.detection.marked_cells import CLASSES, SIDE, TILED, bundle, photo
from tests.unit.service.conftest import served
from vm_worker.exports.service import base
from vm_worker.exports.service.runtime import openapi
from vm_worker.exports.service.runtime.bundle import Bundle
from vm_worker.exports.service.runtime.kind import kind_of
from vm_worker.exports.service.runtime.limits import Patience
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Settings
from vm_worker.tasks.detection.engine.tiling import Tiling
from vm_worker.tasks.detection.service.kind import KIND
from vm_worker.tasks.detection.service.pool import Detector

BLUE, RED = CLASSES
THREE = photo([(RED, 8, 8), (RED, 40, 8), (BLUE, 24, 48)])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(Detector(bundle(), 2), bundle().about, kind=KIND) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as asking:
        yield asking


def test_a_photo_gets_its_boxes_and_counts(client: httpx.Client) -> None:
    (said,) = client.post("/predict", content=THREE).json()["predictions"]
    assert (said["name"], said["count"], said["counts"]) == (None, 3, {BLUE: 1, RED: 2})
    assert (said["width"], said["height"]) == (SIDE, SIDE)
    assert said["interval"] == {"low": 2, "high": 5, "share": 0.9}
    # 19 blue cells are too few to say; of the red ones there are two here, as in the photos that were counted.
    assert said["intervals"] == {BLUE: None, RED: {"low": 1, "high": 4, "share": 0.9}}
    boxes = sorted((row["class"], row["box"]) for row in said["boxes"])
    assert boxes == [(BLUE, [24, 48, 32, 56]), (RED, [8, 8, 16, 16]), (RED, [40, 8, 48, 16])]
    assert all(0.99 < row["score"] <= 1 for row in said["boxes"])


def test_each_of_several_photos_has_its_answer_in_its_place(client: httpx.Client) -> None:
    images = [base64.b64encode(data).decode() for data in (photo([]), b"no photo", THREE)]
    rows = client.post("/predict", json={"images": images}).json()["predictions"]
    assert [row.get("count") for row in rows] == [0, None, 3] and rows[1]["error"]["code"] == "bad_image"
    assert client.post("/predict", content=b"no photo").status_code == 422


def test_several_photos_are_counted_together(client: httpx.Client) -> None:
    images = [base64.b64encode(data).decode() for data in (THREE, b"no photo", THREE, photo([]))]
    together = client.post("/predict", json={"images": images}).json()["together"]
    assert (together["photos"], together["count"], together["counts"]) == (3, 6, {BLUE: 2, RED: 4})
    low, high = together["interval"]["low"], together["interval"]["high"]
    assert low < 6 < high and together["interval"]["share"] == 0.9
    assert together["intervals"][BLUE] is None and together["intervals"][RED]["low"] <= 4
    assert "together" not in client.post("/predict", content=THREE).json()
    assert "together" not in client.post("/predict", json={"images": images[:2]}).json()


def test_an_annotated_photo_shows_its_boxes(client: httpx.Client) -> None:
    answer = client.post("/predict?annotated=1", content=THREE)
    assert answer.headers["content-type"] == "image/jpeg"
    before, after = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16) for data in (THREE, answer.content)
    )
    changed = np.abs(before - after).max(axis=2) > 60
    assert before.shape == after.shape and changed[8:16, 8:16].any() and not changed[30:40].any()
    assert client.post("/predict?annotated=0", content=THREE).json()["predictions"][0]["count"] == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"image": base64.b64encode(b"no photo").decode()}, 422, "bad_image"),
        ({"images": [base64.b64encode(THREE).decode()] * 2}, 400, "bad_request"),
    ],
)
def test_what_cannot_be_annotated_is_refused(client: httpx.Client, body: object, status: int, code: str) -> None:
    answer = client.post("/predict?annotated=1", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_soap_counts_detects_and_predicts_by_the_description_alone(url: str) -> None:
    with zeep.Client(f"{url}/soap?wsdl") as client:
        counted = client.service.Count(image=THREE)
        found = client.service.Detect(image=THREE)
        said, nothing = client.service.Predict(image=THREE), client.service.Predict(image=photo([]))
        about = client.service.ServiceInfo()
        with pytest.raises(zeep.exceptions.Fault, match="not a JPEG"):
            client.service.Count(image=b"no photo")
    assert (counted.count, {row.label: row.count for row in counted.counts}) == (3, {BLUE: 1, RED: 2})
    assert (counted.low, counted.high, counted.share) == (2, 5, 0.9)
    assert sorted((row.label, row.left, row.bottom) for row in found.boxes) == [
        (BLUE, 24, 56),
        (RED, 8, 16),
        (RED, 40, 16),
    ]
    assert (found.count, found.width, found.height) == (3, SIDE, SIDE)
    # A client of a classifier's service asks the same question, and learns what the photo shows.
    assert said.label in CLASSES and said.sure and all(row.probability > 0.99 for row in said.probabilities)
    assert not nothing.sure and nothing.probability < 0.1
    assert (about.title, about.accuracy, about.label) == ("Cells", None, list(CLASSES))


def test_an_unknown_operation_is_told_the_known_ones(client: httpx.Client) -> None:
    body = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x xmlns="urn:modelmail:service:1"/>'
        b"</s:Body></s:Envelope>"
    )
    answer = client.post("/soap", content=body, headers={"content-type": "text/xml"})
    assert "There are the operations Predict, Count, Detect and ServiceInfo." in answer.text


def test_what_the_service_says_of_itself(client: httpx.Client) -> None:
    model = client.get("/model").json()
    assert (model["title"], model["classes"], model["input_size"]) == ("Cells", 2, SIDE)
    assert (model["count_error"], model["labelled"], model["found"]) == (0.5, 20, 19)
    assert (model["threshold"], model["overlap"], model["tile"]) == (0.6, 0.5, 0)
    assert client.get("/labels").json() == {"labels": list(CLASSES)}
    assert client.get("/openapi.json").json() == json.loads(json.dumps(openapi.document(KIND)))
    page = client.get("/")
    assert "Count a photo" in page.text and "NONCE" not in page.text
    assert "script-src 'nonce-" in page.headers["content-security-policy"]


def test_a_large_photo_is_one_photo_with_one_count() -> None:
    """Tiles begin at 0 and 56: the cell at 56 lies in two of them, in four where both sides meet."""
    large = photo([(RED, 56, 56), (BLUE, 56, 8), (RED, 112, 112)], 120, 120)
    pool = Detector(bundle(TILED), 2)
    assert len(TILED.tiling.frames(120, 120)) == 4
    found = pool.submit(large).result()
    assert sorted(found.boxes.xyxy.tolist()) == [[56, 8, 64, 16], [56, 56, 64, 64], [112, 112, 120, 120]]
    assert (found.width, found.height) == (120, 120)


def test_work_is_bounded_by_pixels_and_by_tiles(client: httpx.Client) -> None:
    pool = Detector(bundle(Settings(SIDE, SIDE, Tiling(24, 8), Decoding(threshold=0.6), (8,))), 1)
    with served(pool, {}, Patience(pixels=3 * 400 * 400), kind=KIND) as address:
        many = [("image", (f"{number}.png", photo([], 400, 400))) for number in range(4)]
        assert httpx.post(f"{address}/predict", files=many, trust_env=False).json()["error"]["code"] == "too_many"
        answer = httpx.post(f"{address}/predict", content=photo([], 400, 400), trust_env=False)
    assert answer.status_code == 422 and "would be cut into 625 tiles, and 500 are allowed" in answer.text
    jpeg = io.BytesIO()
    Image.new("RGB", (100, 50)).save(jpeg, "JPEG")
    assert pool.work(jpeg.getvalue()) == 5000  # decoded at its full size, which a classifier's service does not


def test_the_service_finds_all_its_modules_in_its_file(tmp_path: Path) -> None:
    for pattern in base.OWN:
        for path in base.ROOT.glob(pattern):
            if path.is_file():
                part = tmp_path / path.relative_to(base.ROOT)
                part.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, part)
    module = "vm_worker.tasks.detection.service.kind"
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import {module}; print({module}.__file__)"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))


def test_other_files_are_refused() -> None:
    good = bundle()
    with pytest.raises(ValueError, match="holds no settings of a detector"):
        Detector(Bundle(good.model, CLASSES, {}, "detection", b"{}"))
    with pytest.raises(ValueError, match="not a model of this service"):
        Detector(Bundle(good.model, ("one", "two"), {}, "detection", good.settings))
    with pytest.raises(ValueError, match="not a model of this service"):
        Detector(bundle(Settings(96, SIDE, strides=(8,))))
    assert kind_of("detection") is KIND
