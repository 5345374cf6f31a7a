"""Tests the XML API as browsers and curl use it: signed links, resumable sessions, cross-origin rules."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest

UPLOAD = {
    "content-type": "application/zip",
    "x-goog-content-length-range": "1,1000000",
    "x-goog-if-generation-match": "0",
}
START = {**UPLOAD, "x-goog-resumable": "start"}
CHUNK = 256 * 1024  # bytes
ORIGIN = "https://photos.example.org"
CORS = [
    {"origin": [ORIGIN], "method": ["PUT", "POST"], "maxAgeSeconds": 60,
     "responseHeader": ["Content-Type", "x-goog-if-generation-match", "x-goog-resumable", "Location"]},
    {"origin": ["*"], "method": ["GET"], "responseHeader": ["ETag"]},
]  # fmt: skip


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


def upload_link(emulator: EmulatorUnderTest, blob: storage.Blob) -> str:
    return emulator.sign(blob, "PUT", headers=dict(UPLOAD))


def code(answer: requests.Response) -> str:
    return ElementTree.fromstring(answer.content).findtext("Code") or ""  # noqa: S314 - our own server's answer


def test_a_put_is_stored_once(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a.zip")
    link = upload_link(emulator, blob)
    first = requests.put(link, data=b"zip", headers=UPLOAD, timeout=10)
    assert (first.status_code, first.content) == (200, b"")
    blob.reload()
    assert (first.headers["x-goog-generation"], first.headers["etag"]) == (
        str(blob.generation), '"adcdbd79a8d84175c229b192aadc02f2"',
    )  # fmt: skip
    assert (blob.content_type, blob.size) == ("application/zip", 3)
    second = requests.put(link, data=b"other", headers=UPLOAD, timeout=10)
    assert (second.status_code, code(second)) == (412, "PreconditionFailed")
    assert blob.download_as_bytes() == b"zip"


def test_of_fifty_puts_with_one_link_one_wins(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    link = upload_link(emulator, bucket.blob("a.zip"))
    start = threading.Barrier(50)

    def put(number: int) -> int:
        with requests.Session() as session:
            start.wait()
            return session.put(link, data=b"%d" % number, headers=UPLOAD, timeout=30).status_code

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(put, range(50)))
    assert sorted(statuses) == [200] + [412] * 49
    assert bucket.blob("a.zip").download_as_bytes() == b"%d" % statuses.index(200)


@pytest.mark.parametrize("streamed", [False, True], ids=["length known", "chunked"])
@pytest.mark.parametrize(
    ("size", "status", "expected"),
    [(0, 400, "EntityTooSmall"), (1, 200, ""), (1_000_000, 200, ""), (1_000_001, 400, "EntityTooLarge")],
)
def test_the_length_range(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, streamed: bool, size: int, status: int, expected: str
) -> None:
    blob = bucket.blob("a.zip")
    data = (b"x" * 1000 for _ in range(0)) if streamed and not size else b"x" * size
    body = iter([data[i : i + 65536] for i in range(0, size, 65536)]) if streamed and isinstance(data, bytes) else data
    answer = requests.put(upload_link(emulator, blob), data=body, headers=UPLOAD, timeout=20)
    assert answer.status_code == status
    if expected:
        assert code(answer) == expected
    assert blob.exists() == (status == 200)


def test_too_large_is_said_before_the_body_is_sent(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, tmp_path: Path
) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * 5_000_000)
    shown = curl(upload_link(emulator, bucket.blob("a.zip")), big, "--write-out", "%{http_code} %{size_upload}")
    assert shown.splitlines()[-1].endswith("400 0")
    assert "EntityTooLarge" in shown


def test_curl_uploads(emulator: EmulatorUnderTest, bucket: storage.Bucket, tmp_path: Path) -> None:
    file = tmp_path / "photos.zip"
    file.write_bytes(b"y" * 900_000)
    blob = bucket.blob("a.zip")
    assert curl(upload_link(emulator, blob), file, "--write-out", "%{http_code}").endswith("200")
    assert blob.download_as_bytes() == file.read_bytes()


def curl(link: str, file: Path, *more: str) -> str:
    headers = [item for name, value in UPLOAD.items() for item in ("--header", f"{name}: {value}")]
    waiting = ["--header", "Expect: 100-continue"]
    command = ["curl", "-sS", "--max-time", "20", *waiting, *headers, *more, "-T", str(file), link]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_dropped_put_stores_nothing_and_its_link_works_again(
    emulator: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    blob = bucket.blob("a.zip")
    link = upload_link(emulator, blob)

    def broken() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionAbortedError

    with pytest.raises((ConnectionAbortedError, requests.ConnectionError)):
        requests.put(link, data=broken(), headers=UPLOAD, timeout=10)
    assert not blob.exists()
    assert requests.put(link, data=b"whole", headers=UPLOAD, timeout=10).status_code == 200


def test_get_head_and_delete(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.blob("ä b.txt")
    blob.upload_from_string("0123456789", content_type="text/plain")
    named = emulator.sign(blob, response_disposition='attachment; filename="model 1.h5"', response_type="x/y")
    answer = requests.get(named, timeout=10)
    assert (answer.content, answer.headers["content-type"]) == (b"0123456789", "x/y")
    assert answer.headers["content-disposition"] == 'attachment; filename="model 1.h5"'
    assert answer.headers["etag"] == '"781e5e245d69b566979b86e28d23f2c7"'
    part = requests.get(named, headers={"range": "bytes=2-3"}, timeout=10)
    assert (part.status_code, part.content) == (206, b"23")
    head = requests.head(emulator.sign(blob, "HEAD"), timeout=10)
    assert (head.headers["content-length"], head.headers["x-goog-generation"]) == ("10", str(blob.generation))
    wrong = emulator.sign(blob, "DELETE", headers={"x-goog-if-generation-match": "1"})
    assert requests.delete(wrong, headers={"x-goog-if-generation-match": "1"}, timeout=10).status_code == 412
    assert requests.delete(emulator.sign(blob, "DELETE"), timeout=10).status_code == 204
    gone = requests.get(named, timeout=10)
    assert (gone.status_code, code(gone)) == (404, "NoSuchKey")
    elsewhere = requests.get(emulator.sign(emulator.client.bucket("no-such-bucket").blob("a")), timeout=10)
    assert (elsewhere.status_code, code(elsewhere)) == (404, "NoSuchBucket")


def test_an_object_of_a_given_generation(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("1")
    link = emulator.sign(blob, generation=blob.generation)
    assert requests.get(link, timeout=10).content == b"1"
    blob.upload_from_string("2")
    assert code(requests.get(link, timeout=10)) == "NoSuchKey"


# resumable


def begin(emulator: EmulatorUnderTest, blob: storage.Blob) -> str:
    link = emulator.sign(blob, "POST", headers=dict(START))
    answer = requests.post(link, headers=START, timeout=10)
    assert answer.status_code == 201
    return answer.headers["location"]


def put_chunk(session: str, content: bytes, span: str) -> requests.Response:
    return requests.put(session, data=content, headers={"content-range": f"bytes {span}"}, timeout=10)


def test_a_session_in_chunks(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a.zip")
    session = begin(emulator, blob)
    data = bytes(range(256)) * 3000  # 768,000 bytes
    nothing = put_chunk(session, b"", "*/*")
    assert (nothing.status_code, nothing.headers.get("range")) == (308, None)
    first = put_chunk(session, data[:CHUNK], f"0-{CHUNK - 1}/*")
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    overlapping = put_chunk(session, data[CHUNK - 10 : 2 * CHUNK], f"{CHUNK - 10}-{2 * CHUNK - 1}/{len(data)}")
    assert overlapping.headers["range"] == f"bytes=0-{2 * CHUNK - 1}"
    gap = put_chunk(session, b"x", f"{3 * CHUNK}-{3 * CHUNK}/*")
    assert gap.status_code == 503
    assert not blob.exists()
    last = put_chunk(session, data[2 * CHUNK :], f"{2 * CHUNK}-{len(data) - 1}/{len(data)}")
    assert last.status_code == 200
    assert blob.download_as_bytes() == data
    blob.reload()
    again = put_chunk(session, b"", f"*/{len(data)}")  # its answer was lost: the session still knows
    assert (again.status_code, again.headers["x-goog-generation"]) == (200, str(blob.generation))
    assert blob.content_type == "application/zip"


def test_a_session_is_refused_at_its_start_and_at_its_end(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a.zip")
    session = begin(emulator, blob)
    blob.upload_from_string("meanwhile")
    late = put_chunk(session, b"zip", "0-2/3")
    assert (late.status_code, code(late)) == (412, "PreconditionFailed")
    assert blob.download_as_bytes() == b"meanwhile"
    link = emulator.sign(blob, "POST", headers=dict(START))
    assert requests.post(link, headers=START, timeout=10).status_code == 412


def test_a_session_keeps_to_the_length_range(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    announced = put_chunk(begin(emulator, bucket.blob("a.zip")), b"x" * CHUNK, f"0-{CHUNK - 1}/1000001")
    assert code(announced) == "EntityTooLarge"
    session = begin(emulator, bucket.blob("b.zip"))
    sent = [put_chunk(session, b"x" * CHUNK, f"{i * CHUNK}-{(i + 1) * CHUNK - 1}/*").status_code for i in range(4)]
    assert sent == [308, 308, 308, 400]
    assert list(bucket.list_blobs()) == []


def test_a_session_can_be_cancelled(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    session = begin(emulator, bucket.blob("a.zip"))
    put_chunk(session, b"x" * CHUNK, f"0-{CHUNK - 1}/*")
    assert requests.delete(session, timeout=10).status_code == 499
    assert put_chunk(session, b"", "*/*").status_code == 404


def test_a_session_cannot_be_guessed(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    session = begin(emulator, bucket.blob("a.zip"))
    for wrong in (session[:-1], session[:-1] + ("0" if session[-1] != "0" else "1"), session.split("=")[0] + "="):
        assert put_chunk(wrong, b"zip", "0-2/3").status_code == 404
    assert requests.get(session, timeout=10).status_code == 403


def test_a_post_must_begin_a_session(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    assert requests.post(emulator.sign(bucket.blob("a"), "POST"), timeout=10).status_code == 400


# cross-origin rules


@pytest.mark.parametrize(
    ("origin", "method", "headers", "allowed"),
    [
        (ORIGIN, "PUT", "content-type", ORIGIN),
        (ORIGIN, "PUT", "Content-Type, X-Goog-If-Generation-Match", ORIGIN),
        (ORIGIN, "POST", "", ORIGIN),
        (ORIGIN, "PUT", "content-type,x-goog-meta-a", None),  # a header that no rule names
        (ORIGIN, "DELETE", "", None),
        ("https://other.example.org", "PUT", "content-type", None),
        ("https://other.example.org", "GET", "", "*"),
        ("", "PUT", "", None),
    ],
)
def test_preflight(emulator: EmulatorUnderTest, origin: str, method: str, headers: str, allowed: str | None) -> None:
    bucket = emulator.bucket(cors=CORS)
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    answer = requests.options(f"{emulator.url}/{bucket.name}/a.zip", headers=asked, timeout=10)
    assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (200, allowed)
    if allowed:
        assert method in answer.headers["access-control-allow-methods"].split(",")
        assert set(headers.lower().replace(" ", "").split(",")) == set(
            answer.headers["access-control-allow-headers"].split(",")
        )


def test_answers_say_who_may_read_them(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket(cors=CORS)
    link = upload_link(emulator, bucket.blob("a.zip"))
    mine = requests.put(link, data=b"x", headers={**UPLOAD, "origin": ORIGIN}, timeout=10)
    assert mine.headers["access-control-allow-origin"] == ORIGIN
    assert "Location" in mine.headers["access-control-expose-headers"]
    refused = requests.put(link, data=b"x", headers={**UPLOAD, "origin": ORIGIN}, timeout=10)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (412, ORIGIN)
    other = requests.put(link, data=b"x", headers={**UPLOAD, "origin": "https://other.example.org"}, timeout=10)
    assert "access-control-allow-origin" not in other.headers
