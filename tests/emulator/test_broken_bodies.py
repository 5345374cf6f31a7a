"""Tests faults in the middle of bodies, rules for headers, and the retry tests of conformance suites."""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from google.api_core.exceptions import ServiceUnavailable
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.emulator.test_faults import PATIENT, put
from tests.servers import EmulatorUnderTest, api, running_emulator

KIB = 1024
CONTENT = bytes(range(256)) * 8 * KIB  # 2 MiB


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, emulator: EmulatorUnderTest) -> Iterator[EmulatorUnderTest]:
    with running_emulator(tmp_path_factory.mktemp("faulty"), emulator.key, "--admin") as running:
        yield running


@pytest.fixture
def faulty(started: EmulatorUnderTest) -> Iterator[EmulatorUnderTest]:
    yield started
    started.order()


@pytest.fixture
def bucket(faulty: EmulatorUnderTest) -> storage.Bucket:
    return faulty.bucket()


def received(url: str) -> tuple[int, int, bytes]:
    """Status, announced length and what really came of an answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    try:
        body = answer.read()
    except http.client.IncompleteRead as error:
        body = error.partial
    connection.close()
    return answer.status, int(answer.headers["content-length"]), body


@pytest.mark.parametrize("size", [10, 100 * KIB, len(CONTENT)])
@pytest.mark.parametrize("count", [0, 4, 256 * KIB])
def test_a_stream_breaks_after_some_bytes(
    faulty: EmulatorUnderTest, bucket: storage.Bucket, size: int, count: int
) -> None:
    bucket.blob("a").upload_from_string(CONTENT[:size])
    faulty.order({"action": "break_stream", "bytes": count, "path": "alt=media", "count": 1})
    url = api(bucket, "/o/a?alt=media")
    assert received(url) == (200, size, CONTENT[: min(count, size - 1)])
    assert received(url) == (200, size, CONTENT[:size])


def test_the_client_reads_on_after_a_broken_stream(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(CONTENT)
    faulty.order({"action": "break_stream", "bytes": 512 * KIB, "method": "GET", "path": "alt=media", "count": 2})
    assert blob.download_as_bytes(retry=PATIENT) == CONTENT
    assert faulty.tell("faults", None, "GET")[0]["hit"] == 2


def test_an_upload_fails_once_so_many_bytes_have_come(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order({"action": "status_after", "status": 503, "bytes": 512 * KIB, "count": 1})
    start = api(bucket, "/o?uploadType=resumable&name=a", prefix="/upload/storage/v1")
    session = requests.post(start, json={}, timeout=10).headers["location"]
    whole = {"content-range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}
    assert requests.put(session, data=CONTENT, headers=whole, timeout=10).status_code == 503
    asked = requests.put(session, headers={"content-range": f"bytes */{len(CONTENT)}"}, timeout=10)
    assert (asked.status_code, asked.headers["range"]) == (308, f"bytes=0-{512 * KIB - 1}")
    rest = {"content-range": f"bytes {512 * KIB}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    assert requests.put(session, data=CONTENT[512 * KIB :], headers=rest, timeout=10).status_code == 200
    assert bucket.blob("a").download_as_bytes() == CONTENT


def test_the_client_uploads_on_after_a_failure(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order(
        {"action": "status_after", "status": 503, "bytes": 768 * KIB, "count": 1},
        {"action": "status_after", "status": 502, "bytes": 1280 * KIB, "count": 1},
    )
    blob = bucket.blob("a", chunk_size=512 * KIB)
    blob.upload_from_file(io.BytesIO(CONTENT), retry=PATIENT)
    assert [rule["hit"] for rule in faulty.tell("faults", None, "GET")] == [1, 1]
    assert blob.download_as_bytes() == CONTENT


def test_an_upload_in_one_request_fails_whole(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order({"action": "status_after", "status": 503, "bytes": 100 * KIB})
    assert put(bucket, data=CONTENT[: 100 * KIB - 1]).status_code == 200  # it does not come so far
    assert put(bucket, "b", data=CONTENT).status_code == 503
    assert put(bucket, "b", data=iter([CONTENT])).status_code == 503  # type: ignore[arg-type]  # of unknown length
    assert not bucket.blob("b").exists()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stall_is_a_pause_in_the_middle(faulty: EmulatorUnderTest, bucket: storage.Bucket, method: str) -> None:
    put(bucket, data=CONTENT)
    faulty.order({"action": "stall", "seconds": 0.4, "bytes": 256 * KIB, "method": method, "count": 1})
    began = time.monotonic()
    if method == "POST":
        assert put(bucket, "b", data=CONTENT).status_code == 200
    else:
        assert requests.get(api(bucket, "/o/a?alt=media"), timeout=10).content == CONTENT
    assert time.monotonic() - began >= 0.4
    assert bucket.blob("b" if method == "POST" else "a").download_as_bytes() == CONTENT


def test_a_rule_chooses_by_a_header(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    faulty.order({"action": "status", "status": 503, "header": "^x-test-case: (one|two)$"})
    for headers, status in (({}, 200), ({"X-Test-Case": "one"}, 503), ({"x-test-case": "three"}, 200),
                            ({"x-other": "x-test-case: one"}, 200)):  # fmt: skip
        assert requests.get(api(bucket), headers=headers, timeout=10).status_code == status


# retry tests


def begin(faulty: EmulatorUnderTest, instructions: dict[str, list[str]]) -> str:
    answer = requests.post(f"{faulty.url}/retry_test", json={"instructions": instructions}, timeout=10)
    assert answer.status_code == 200
    return str(answer.json()["id"])


def left(faulty: EmulatorUnderTest, test: str) -> tuple[Any, bool]:
    told = requests.get(f"{faulty.url}/retry_test/{test}", timeout=10).json()
    return told["instructions"], told["completed"]


def client(faulty: EmulatorUnderTest, test: str) -> storage.Client:
    found = storage.Client("some-project", AnonymousCredentials(), client_options={"api_endpoint": faulty.url})
    found._http.headers["x-retry-test-id"] = test
    return found


def test_the_client_uses_up_the_instructions_of_its_test(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    test = begin(faulty, {"storage.buckets.get": ["return-503", "return-reset-connection"]})
    with_test = client(faulty, test)
    list(with_test.list_buckets(retry=None))  # another method
    faulty.client.get_bucket(bucket.name, retry=None)  # another client
    assert left(faulty, test) == ({"storage.buckets.get": ["return-503", "return-reset-connection"]}, False)
    with_test.get_bucket(bucket.name, retry=PATIENT)
    assert left(faulty, test) == ({"storage.buckets.get": []}, True)
    with_test.get_bucket(bucket.name, retry=None)
    assert requests.get(f"{faulty.url}/retry_tests", timeout=10).json()["retry_test"][-1]["id"] == test
    assert requests.delete(f"{faulty.url}/retry_test/{test}", timeout=10).status_code == 200
    assert requests.get(f"{faulty.url}/retry_test/{test}", timeout=10).status_code == 404
    with_test.close()


def test_the_client_transfers_through_broken_bodies(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    test = begin(faulty, {
        "storage.objects.insert": ["return-503-after-256K", "return-408", "return-504-after-1024K"],
        "storage.objects.get": ["return-broken-stream", "return-broken-stream-after-512K", "stall-for-0s-after-1K"],
    })  # fmt: skip
    with_test = client(faulty, test)
    blob = with_test.bucket(bucket.name).blob("a", chunk_size=512 * KIB)
    blob.upload_from_file(io.BytesIO(CONTENT), retry=PATIENT)
    whole = with_test.bucket(bucket.name).blob("a")
    assert whole.download_as_bytes(retry=PATIENT) == CONTENT
    whole.reload()
    assert left(faulty, test)[1]
    with_test.close()


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("storage.objects.get", "GET", "/{bucket}/a"),
        ("storage.objects.insert", "PUT", "/{bucket}/a"),
        ("storage.objects.delete", "DELETE", "/{bucket}/a"),
        ("storage.objects.get", "GET", "/download/storage/v1/b/{bucket}/o/a"),
        ("storage.objects.rewrite", "POST", "/storage/v1/b/{bucket}/o/a/rewriteTo/b/{bucket}/o/b"),
        ("storage.hmacKey.create", "POST", "/storage/v1/projects/some-project/hmacKeys"),
        ("storage.object_acl.patch", "PATCH", "/b/{bucket}/o/a/acl/allUsers"),
    ],
)
def test_methods_have_their_names(
    faulty: EmulatorUnderTest, bucket: storage.Bucket, name: str, method: str, path: str
) -> None:
    test = begin(faulty, {name: ["return-418"]})
    url = faulty.url + path.format(bucket=bucket.name)
    assert requests.request(method, url, headers={"x-retry-test-id": test}, timeout=10).status_code == 418
    assert left(faulty, test)[1]


@pytest.mark.parametrize("asked", [
    {}, {"instructions": {}}, {"instructions": {"storage.buckets.get": []}},
    {"instructions": {"storage.buckets.explode": ["return-503"]}},
    {"instructions": {"storage.buckets.get": ["return-200"]}},
    {"instructions": {"storage.buckets.get": ["return-unknown"]}},
    {"instructions": {"storage.buckets.get": ["return-503"]}, "transport": "GRPC"},
])  # fmt: skip
def test_a_retry_test_that_says_nothing_is_refused(faulty: EmulatorUnderTest, asked: dict[str, Any]) -> None:
    assert requests.post(f"{faulty.url}/retry_test", json=asked, timeout=10).status_code == 400


def test_an_unknown_retry_test_is_told(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    answer = requests.get(api(bucket), headers={"x-retry-test-id": "none"}, timeout=10)
    assert answer.status_code == 404
    page = {"origin": "https://evil.example"}
    assert requests.post(f"{faulty.url}/retry_test", data="{}", headers=page, timeout=10).status_code == 403


def test_without_admin_there_are_no_retry_tests(emulator: EmulatorUnderTest) -> None:
    assert requests.post(f"{emulator.url}/retry_test", json={}, timeout=10).status_code in (400, 403, 404)
    bucket = emulator.bucket()
    assert requests.get(api(bucket), headers={"x-retry-test-id": "none"}, timeout=10).status_code == 200


def test_a_client_without_retries_sees_what_a_test_orders(faulty: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    with_test = client(faulty, begin(faulty, {"storage.buckets.get": ["return-503"]}))
    with pytest.raises(ServiceUnavailable):
        with_test.get_bucket(bucket.name, retry=None)
    with_test.close()
