"""Tests which bucket and which of the two APIs the path of a request names."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
import requests
from google.cloud import storage

from tests.emulator.signed import error_code, exactly
from tests.servers import EmulatorUnderTest

OWNER = {"authorization": "Bearer local"}


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    bucket.blob("a/b c").upload_from_string("there")
    return bucket


def encoded(name: str) -> str:
    """Every character percent-encoded, which means the same."""
    return "".join(f"%{byte:02X}" for byte in name.encode())


@pytest.mark.parametrize("write", [encoded, lambda name: name.replace("-", "%2D")], ids=["all", "dash"])
def test_the_name_of_a_bucket_may_be_percent_encoded(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, write: Callable[[str], str]
) -> None:
    path = f"{emulator.url}/{write(bucket.name)}"
    listed = exactly("GET", f"{path}?list-type=2", OWNER)
    assert (listed.status_code, "<Key>a/b c</Key>" in listed.text) == (200, True)
    assert exactly("HEAD", path, OWNER).status_code == 200
    assert exactly("GET", f"{path}/a%2Fb%20c", OWNER).content == b"there"
    assert exactly("PUT", f"{path}/new", OWNER, b"x").status_code == 200
    assert bucket.blob("new").download_as_bytes() == b"x"
    bucket.cors = [{"origin": ["https://a.example"], "method": ["PUT"]}]
    bucket.patch()
    asked = {"origin": "https://a.example", "access-control-request-method": "PUT"}
    assert exactly("OPTIONS", f"{path}/new", asked).headers.get("access-control-allow-origin") == "https://a.example"


def test_a_path_that_is_not_utf_8_is_refused(emulator: EmulatorUnderTest) -> None:
    for path in ("/%FF", "/%FF/a", "/bucket/%FF", "/storage/v1/b/%FF"):
        for method in ("GET", "OPTIONS"):
            assert exactly(method, emulator.url + path, OWNER).status_code == (400 if method == "GET" else 200), path


NAMES = ["upload", "download", "storage", "batch", "resumable", "projects", "token"]


@pytest.mark.parametrize("name", NAMES)
def test_a_bucket_may_be_called_like_a_part_of_the_api(emulator: EmulatorUnderTest, name: str) -> None:
    bucket = emulator.client.bucket(name)
    bucket.create(project="p")
    try:
        path = f"{emulator.url}/{name}"
        assert requests.put(f"{path}/some%20folder/a", data=b"1", headers=OWNER, timeout=10).status_code == 200
        assert requests.get(f"{path}/some%20folder/a", headers=OWNER, timeout=10).content == b"1"
        assert "some folder/a" in requests.get(path, headers=OWNER, timeout=10).text
        blob = bucket.blob("b")
        blob.upload_from_string("2")
        assert requests.get(emulator.sign(blob), timeout=10).content == b"2"
        assert requests.delete(f"{path}/b", headers=OWNER, timeout=10).status_code == 204
        assert [blob.name for blob in bucket.list_blobs()] == ["some folder/a"]
    finally:
        bucket.delete(force=True)


@pytest.mark.parametrize(
    ("path", "method", "status", "json"),
    [
        ("/storage/v1/nonsense", "GET", 404, True),
        ("/b/no-such-bucket", "GET", 404, True),
        ("/storage/v1/b/x/o/y/z", "GET", 404, True),
        ("/upload/storage/v1/b/no-such-bucket/o?uploadType=media&name=a", "POST", 404, True),
        ("/no-such-bucket/storage/v1", "GET", 404, False),
    ],
)
def test_errors_come_in_the_form_of_the_api(
    emulator: EmulatorUnderTest, path: str, method: str, status: int, json: bool
) -> None:
    answer = requests.request(method, emulator.url + path, headers=OWNER, timeout=10)
    assert answer.status_code == status
    if json:
        assert answer.json()["error"]["code"] == status
    else:
        assert error_code(answer) == "NoSuchBucket"


def test_links_in_answers_begin_as_the_client_s_own_do(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    path = f"{emulator.url}/storage/v1/b/{bucket.name}/o/{quote('a/b c', safe='')}"
    assert requests.get(path, timeout=10).json()["selfLink"] == path
    for told, begins in (
        ("https", "https://"),
        ("http", "http://"),
        ("javascript", "http://"),
        ("https, http", "https://"),
    ):
        answer = requests.get(path, headers={"x-forwarded-proto": told}, timeout=10).json()
        assert answer["mediaLink"].startswith(begins), told
