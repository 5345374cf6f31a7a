"""The REST interface: good photos in three forms, and every kind of bad request."""

from __future__ import annotations

import base64
import json
import re
import socket
from typing import Any

import httpx
import pytest

from tests.unit.service.conftest import ABOUT, LABELS, photo, served
from vm_worker.exports.service.runtime import openapi
from vm_worker.exports.service.runtime.base64_text import PATTERN
from vm_worker.exports.service.runtime.classifier import KIND
from vm_worker.exports.service.runtime.engine import Engine
from vm_worker.exports.service.runtime.limits import BODY_BYTES, IMAGES

DARK, LIGHT = photo(5), photo(250)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "how",
    [
        {"content": DARK, "headers": {"content-type": "image/png"}},
        {"content": DARK, "headers": {"content-type": "application/octet-stream"}},
        {"content": DARK},
        {"files": {"image": ("night.png", DARK)}},
        {"json": {"image": _base64(DARK)}},
        {"json": {"images": [_base64(DARK)]}},
    ],
    ids=["image/png", "octets", "no type", "multipart", "json", "json list"],
)
def test_a_photo_gets_its_class_however_it_is_sent(client: httpx.Client, how: dict[str, Any]) -> None:
    answer = client.post("/predict", **how)
    assert answer.status_code == 200, answer.text
    (said,) = answer.json()["predictions"]
    assert said["label"] == "dark" and said["probability"] > 0.99
    assert [row["label"] for row in said["probabilities"]] == list(LABELS)
    assert sum(row["probability"] for row in said["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_several_photos_are_answered_in_order_and_a_bad_one_alone_is_told(client: httpx.Client) -> None:
    files = [("image", ("a.png", DARK)), ("image", ("b.png", b"no photo")), ("image", ("c.png", LIGHT))]
    rows = client.post("/predict", files=files).json()["predictions"]
    assert [row["name"] for row in rows] == ["a.png", "b.png", "c.png"]
    assert (rows[0]["label"], rows[2]["label"]) == ("dark", LABELS[1])
    assert rows[1]["error"]["code"] == "bad_image" and "label" not in rows[1]


@pytest.mark.parametrize(
    "how",
    [{"files": {"image": ("a.txt", b"no photo")}}, {"json": {"image": _base64(b"no photo")}}],
    ids=["form", "json"],
)
def test_where_several_photos_may_come_a_bad_one_is_told_in_its_place(
    client: httpx.Client, how: dict[str, Any]
) -> None:
    answer = client.post("/predict", **how)
    assert answer.status_code == 200
    (row,) = answer.json()["predictions"]
    assert row["error"]["code"] == "bad_image" and "label" not in row


FORMS = {
    "data URL": f"data:image/png;base64,{_base64(DARK)}",
    "data URL with a parameter": f"data:image/svg+xml;name=a.png;base64,{_base64(DARK)}",
    "data URL without a type": f"data:;base64,{_base64(DARK)}",
    "URL-safe": base64.urlsafe_b64encode(DARK).decode(),
    "unpadded": _base64(DARK).rstrip("="),
    "URL-safe and unpadded": base64.urlsafe_b64encode(DARK).decode().rstrip("="),
    "line-broken": base64.encodebytes(DARK).decode(),
    "line-broken as on Windows": base64.encodebytes(DARK).decode().replace("\n", "\r\n"),
    "a line-broken data URL": f"data:image/png;base64,\n{base64.encodebytes(DARK).decode()}",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_base64_is_read_in_each_of_its_forms(client: httpx.Client, text: str) -> None:
    assert "=" in _base64(DARK) and {"-", "_"} & set(base64.urlsafe_b64encode(DARK).decode())
    assert re.match(PATTERN, text)
    answer = client.post("/predict", json={"image": text})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["label"] == "dark"


@pytest.mark.parametrize(
    "text", ["Q", "QUJDR", "QUI===", "=QUI", "Q=UI", "data:image/png,abc", "data:image/png;base64,", "QU\u00a0I", "=="]
)
def test_what_is_no_base64_is_refused(client: httpx.Client, text: str) -> None:
    answer = client.post("/predict", json={"image": text})
    assert answer.status_code == 400 and answer.json()["error"]["code"] in ("bad_request", "no_image")


def test_an_answer_tells_whether_it_is_sure(engine: Engine) -> None:
    grey = photo(128)
    with served(engine, ABOUT) as url:
        (said,) = httpx.post(f"{url}/predict", content=grey, trust_env=False).json()["predictions"]
        assert said["sure"] is True  # no threshold was chosen
        assert httpx.get(f"{url}/model", trust_env=False).json()["threshold"] is None
    for threshold, sure in ((said["probability"], True), (said["probability"] + 0.001, False)):
        with served(engine, {**ABOUT, "threshold": threshold}) as url:
            (again,) = httpx.post(f"{url}/predict", content=grey, trust_env=False).json()["predictions"]
            assert again["sure"] is sure
            assert httpx.get(f"{url}/model", trust_env=False).json()["threshold"] == threshold


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"content": b""}, 400, "no_image"),
        ({"content": b"no photo"}, 422, "bad_image"),
        ({"content": LIGHT[:60]}, 422, "bad_image"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "bad_request"),
        ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400, "bad_request"),
        ({"json": {}}, 400, "bad_request"),
        ({"json": []}, 400, "bad_request"),
        ({"json": {"image": 3}}, 400, "bad_request"),
        ({"json": {"image": "%%%"}}, 400, "bad_request"),
        ({"json": {"images": "x"}}, 400, "bad_request"),
        ({"json": {"images": []}}, 400, "no_image"),
        ({"json": {"image": "", "images": []}}, 400, "bad_request"),
        ({"json": {"image": "QUJD", "more": 1}}, 400, "bad_request"),
        ({"json": {"images": ["QUJD"] * (IMAGES + 1)}}, 413, "too_many"),
        ({"files": [("image", ("x", b"x"))] * (IMAGES + 2)}, 400, "bad_request"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "bad_request"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "bad_request"),
        ({"data": {"image": "text"}, "files": {"other": ("", b"")}}, 400, "no_image"),
    ],
)
def test_bad_input_is_a_clear_error(client: httpx.Client, how: dict[str, Any], status: int, code: str) -> None:
    answer = client.post("/predict", **how)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"].endswith(".") or "read" in answer.json()["error"]["message"]


def test_a_length_that_is_too_much_is_refused_before_the_body(url: str) -> None:
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port), timeout=30) as raw:
        raw.sendall(f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_BYTES + 1}\r\n\r\n".encode())
        assert raw.recv(64).startswith(b"HTTP/1.1 413")


def test_a_stream_that_is_too_long_is_cut(client: httpx.Client) -> None:
    block = b"x" * (1024 * 1024)
    answer = client.post("/predict", content=(block for _ in range(BODY_BYTES // len(block) + 1)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/predict", 405), ("POST", "/labels", 405), ("GET", "/nothing", 404), ("GET", "/predict/", 404)],
)
def test_other_addresses_and_methods(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, follow_redirects=False)
    assert answer.status_code in (status, 307)
    if answer.status_code == 405:
        assert answer.headers["allow"]


def test_what_the_service_says_of_itself(client: httpx.Client) -> None:
    assert client.get("/labels").json() == {"labels": list(LABELS)}
    assert client.get("/health").json() == {"status": "ok"}
    model = client.get("/model").json()
    assert (model["title"], model["classes"], model["input_size"], model["accuracy"]) == ("Small", 3, 8, 0.9)


def test_the_description_names_every_route(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1") and document == json.loads(json.dumps(openapi.document(KIND)))
    assert set(document["paths"]) == {"/predict", "/labels", "/model", "/health"}


def test_the_page_runs_its_own_script_alone(client: httpx.Client) -> None:
    one, two = client.get("/"), client.get("/")
    policy = one.headers["content-security-policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
    assert nonce and f'<script nonce="{nonce[1]}">' in one.text and nonce[1] not in two.text
    assert "default-src 'none'" in policy and not re.search(r"\sstyle=|\son\w+=", one.text)
