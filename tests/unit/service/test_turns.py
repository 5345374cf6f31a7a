"""Photos are worked on in turn; what is no photo is refused at once, however many are waiting."""

from __future__ import annotations

import base64
import json
import logging
from concurrent.futures import Future

import httpx
import pytest
from starlette.applications import Starlette

from tests.loops import run_aside
from tests.unit.service.conftest import ABOUT, LABELS, photo
from vm_worker.exports.service.runtime.app import build
from vm_worker.exports.service.runtime.engine import BadImage, Engine, Prediction
from vm_worker.exports.service.runtime.limits import LARGE, Patience

SOAP = b"""<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
<Predict xmlns="%s"><image>%s</image></Predict></e:Body></e:Envelope>"""


@pytest.fixture
def busy(occupied: Engine) -> Starlette:
    """The service before it."""
    return build(occupied, ABOUT)


def post(app: Starlette, path: str, kind: str, body: bytes) -> httpx.Response:
    """One request without a wire."""

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.post(path, content=body, headers={"content-type": kind})

    return run_aside(ask())


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"no photo", "image/jpeg", 422),
        (b'{"image": "bm8gcGhvdG8="}', "application/json", 200),  # in its place among others
        (b"--x\r\n", "multipart/form-data; boundary=x", 400),
    ],
)
def test_nonsense_does_not_wait_for_photos(busy: Starlette, body: bytes, kind: str, status: int) -> None:
    answer = post(busy, "/predict", kind, body)
    assert answer.status_code == status
    assert "error" in answer.text


def test_nor_does_it_by_soap(busy: Starlette) -> None:
    from vm_worker.exports.service.runtime import xml

    body = SOAP % (xml.NAMESPACE.encode(), base64.b64encode(b"no photo"))
    answer = post(busy, "/soap", "text/xml", body)
    assert (answer.status_code, "bad_image" in answer.text) == (500, True)


def test_nor_in_the_engine_itself(occupied: Engine) -> None:
    with pytest.raises(BadImage):
        occupied.submit(b"no photo")
    assert not occupied.submit(photo(5)).done()  # what may be one does


def test_who_gives_up_waiting_is_not_counted_any_more(occupied: Engine) -> None:
    waiting = [occupied.submit(photo(5)) for _ in range(3)]
    assert waiting[1].cancel() and occupied._present == 2


class Counting(Engine):
    """How many photos were with it at a time, at most."""

    most = 0

    def submit(self, data: bytes) -> Future[Prediction]:
        """As the engine's own."""
        answer = super().submit(data)
        self.most = max(self.most, self._present)
        return answer


def test_the_photos_of_a_request_are_worked_on_side_by_side_and_answered_in_order(tflite: bytes) -> None:
    counting = Counting(tflite, LABELS, 2)
    pictures = [photo(5), photo(250), photo(5), b"no photo", photo(250)] * 4
    body = json.dumps({"images": [base64.b64encode(one).decode() for one in pictures]}).encode()
    rows = post(build(counting, ABOUT), "/predict", "application/json", body).json()["predictions"]
    assert [row.get("label") for row in rows] == [LABELS[0], LABELS[1], LABELS[0], None, LABELS[1]] * 4
    assert counting.most == 2  # and no more: others' photos come in between


def test_nonsense_does_not_fill_the_log(busy: Starlette, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert post(busy, "/predict", "multipart/form-data; boundary=x", b"no boundary").status_code == 400
    assert [record.name for record in caplog.records if record.name != "httpx"] == []


def test_what_is_large_is_read_aside_and_understood_alike(engine: Engine) -> None:
    kind = "application/json"
    body = json.dumps({"image": base64.b64encode(photo(5)).decode()}).encode()
    small = post(build(engine, ABOUT), "/predict", kind, body).json()
    assert len(body) < LARGE
    app = build(engine, ABOUT, Patience(large_bytes=8))
    assert post(app, "/predict", kind, body).json() == small
    assert post(app, "/predict", kind, b"{" * 20).status_code == 400
