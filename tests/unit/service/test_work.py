"""What small bodies unfold to is bounded: the pixels of a request, and the seconds that it takes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from tests.unit.service.conftest import ABOUT, photo, served
from tests.unit.service.test_soap import _envelope
from vm_worker.exports.service.runtime.engine import Engine
from vm_worker.exports.service.runtime.limits import IMAGES, PIXELS, Patience


def plain(width: int, height: int, kind: str, **how: object) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (9, 9, 9)).save(file, kind, **how)
    return file.getvalue()


@pytest.fixture(scope="module")
def bounded(engine: Engine) -> Iterator[httpx.Client]:
    """Asks a service of 10,000 pixels a request."""
    with (
        served(engine, ABOUT, Patience(pixels=10_000)) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
    ):
        yield client


def test_each_scan_of_a_jpeg_counts(bounded: httpx.Client) -> None:
    scans = plain(64, 64, "JPEG", progressive=True)
    many = scans[:-2] + scans[scans.index(b"\xff\xda") : -2] * 50 + scans[-2:]
    assert bounded.post("/predict", content=many).status_code == 413


def test_the_photos_of_a_request_count_together(bounded: httpx.Client) -> None:
    one = plain(60, 60, "WEBP", lossless=True)
    texts = [base64.b64encode(one).decode()] * 3
    assert len(bounded.post("/predict", json={"images": texts[:2]}).json()["predictions"]) == 2
    answer = bounded.post("/predict", json={"images": texts})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many")
    assert "0.01 megapixels" in answer.json()["error"]["message"]


def test_by_soap_too(bounded: httpx.Client) -> None:
    data = base64.b64encode(plain(200, 200, "PNG")).decode()
    answer = bounded.post("/soap", content=_envelope(f"<m:Predict><m:image>{data}</m:image></m:Predict>"))
    assert answer.status_code == 500 and "<mm:code>too_many</mm:code>" in answer.text


def test_a_request_full_of_a_phones_photos_is_not_too_much() -> None:
    assert IMAGES * 4000 * 3000 <= PIXELS


def test_photos_that_come_too_late_are_not_begun(engine: Engine) -> None:
    text = base64.b64encode(photo(5)).decode()
    with served(engine, ABOUT, Patience(seconds=-1.0)) as url:
        answer = httpx.post(f"{url}/predict", json={"images": [text, text]}, trust_env=False)
    assert [one["error"]["code"] for one in answer.json()["predictions"]] == ["too_slow"] * 2
