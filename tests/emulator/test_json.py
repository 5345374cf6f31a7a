"""Tests the JSON API, through the real client or, where that does not use a method, by plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

import google_crc32c
import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage
from google.oauth2 import service_account

from tests.servers import EmulatorUnderTest, api

CORS = [{"origin": ["*"], "method": ["PUT"], "responseHeader": ["content-type"], "maxAgeSeconds": 60}]


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


def reason(answer: requests.Response) -> str:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    assert error["errors"][0]["message"] == error["message"]
    return str(error["errors"][0]["reason"])


# buckets


def test_a_bucket_from_birth_to_death(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket(cors=CORS, labels={"team": "a"})
    with pytest.raises(exceptions.Conflict):
        emulator.client.create_bucket(bucket.name)
    found = emulator.client.get_bucket(bucket.name)
    assert (found.cors, found.labels, found.metageneration) == (CORS, {"team": "a"}, 1)
    found.add_lifecycle_delete_rule(age=31)
    found.soft_delete_policy.retention_duration_seconds = 0
    found.labels = {**found.labels, "stage": "test"}
    found.patch()
    again = emulator.client.get_bucket(bucket.name)
    assert list(again.lifecycle_rules) == [{"action": {"type": "Delete"}, "condition": {"age": 31}}]
    assert again.soft_delete_policy.retention_duration_seconds == 0
    assert (again.cors, again.labels, again.metageneration) == (CORS, {"team": "a", "stage": "test"}, 2)
    assert bucket.name in {listed.name for listed in emulator.client.list_buckets(prefix=bucket.name[:8])}
    blob = bucket.blob("a")
    blob.upload_from_string("")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    blob.delete()
    bucket.delete()
    with pytest.raises(exceptions.NotFound):
        emulator.client.get_bucket(bucket.name)


@pytest.mark.parametrize("name", ["ab", "Upper-case", "-dash", "a/b", "", "ünder", "x" * 223])
def test_names_that_no_bucket_may_have(emulator: EmulatorUnderTest, name: str) -> None:
    answer = requests.post(f"{emulator.url}/storage/v1/b?project=p", json={"name": name}, timeout=10)
    assert (answer.status_code, reason(answer)) == (400, "invalid")


# objects


def test_the_resource_of_an_object(bucket: storage.Bucket) -> None:
    blob = bucket.blob("folder/a.txt")
    blob.metadata, blob.cache_control, blob.content_disposition = {"Key": "värde"}, "no-store", "inline"
    blob.upload_from_string("content", content_type="text/plain")
    resource = requests.get(api(bucket, "/o/folder%2Fa.txt"), timeout=10).json()
    assert resource["md5Hash"] == base64.b64encode(hashlib.md5(b"content", usedforsecurity=False).digest()).decode()
    assert resource["crc32c"] == base64.b64encode(google_crc32c.value(b"content").to_bytes(4, "big")).decode()
    expected = {"kind": "storage#object", "name": "folder/a.txt", "bucket": bucket.name, "metageneration": "1",
                "size": "7", "contentType": "text/plain", "metadata": {"Key": "värde"}, "cacheControl": "no-store",
                "contentDisposition": "inline", "storageClass": "STANDARD"}  # fmt: skip
    assert {key: resource[key] for key in expected} == expected
    assert resource["id"] == f"{bucket.name}/folder/a.txt/{resource['generation']}"
    assert requests.get(resource["mediaLink"], timeout=10).text == "content"
    assert requests.get(resource["selfLink"], timeout=10).json() == resource


def test_what_no_header_may_hold_is_answered_as_spaces(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.metadata, blob.cache_control, blob.content_disposition = {"Key": "1\x002"}, "no\x7fstore", "in\nline"
    blob.upload_from_string("content")
    blob.content_type = "text/\x1fplain"
    blob.patch()
    bucket.cors = [{"origin": ["*"], "method": ["GET"], "responseHeader": ["x-\na"]}]
    bucket.patch()
    names = ("x-goog-meta-key", "cache-control", "content-disposition", "content-type", "access-control-expose-headers")
    answer = requests.get(api(bucket, "/o/a?alt=media"), headers={"origin": "https://a.example"}, timeout=10)
    assert [answer.headers[name] for name in names] == ["1 2", "no store", "in line", "text/ plain", "x- a"]
    override = f"{bucket.client.api_endpoint}/{bucket.name}/a?response-content-type=a%00b"
    assert requests.get(override, headers={"authorization": "Bearer x"}, timeout=10).headers["content-type"] == "a b"


def test_every_alias_leads_to_the_same(bucket: storage.Bucket) -> None:
    url = api(bucket, "/o?uploadType=media&name=a%20b", prefix="/upload")
    assert requests.post(url, data=b"1", timeout=10).json()["name"] == "a b"
    for prefix in ("", "/storage/v1", "/download", "/download/storage/v1"):
        assert requests.get(api(bucket, "/o/a%20b?alt=media", prefix=prefix), timeout=10).content == b"1"


def test_patch_merges_metadata_and_counts(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.metadata = {"keep": "1", "drop": "2"}
    blob.upload_from_string("x", content_type="text/plain")
    blob.metadata = {"drop": None, "new": "3"}
    blob.patch(if_metageneration_match=1)
    generation = blob.generation
    blob.reload()
    assert (blob.metadata, blob.metageneration, blob.generation) == ({"keep": "1", "new": "3"}, 2, generation)
    assert blob.content_type == "text/plain"
    with pytest.raises(exceptions.PreconditionFailed):
        blob.patch(if_metageneration_match=1)
    assert requests.patch(api(bucket, "/o/a"), json={"metadata": {"n": 1}}, timeout=10).status_code == 400


CONDITIONS = [
    # query, status for an existing object, status for an absent one: of GET, PATCH, PUT-of-content, DELETE
    ("ifGenerationMatch={g}", (200, 200, 200, 204), (404, 404, 412, 404)),
    ("ifGenerationMatch=0", (412, 412, 412, 412), (404, 404, 200, 404)),
    ("ifGenerationMatch=1", (412, 412, 412, 412), (404, 404, 412, 404)),
    ("ifGenerationNotMatch={g}", (304, 412, 412, 412), (404, 404, 200, 404)),
    ("ifGenerationNotMatch=0", (200, 200, 200, 204), (404, 404, 412, 404)),
    ("ifMetagenerationMatch=1", (200, 200, 200, 204), (404, 404, 412, 404)),
    ("ifMetagenerationMatch=2", (412, 412, 412, 412), (404, 404, 412, 404)),
    ("ifMetagenerationNotMatch=1", (304, 412, 412, 412), (404, 404, 200, 404)),
    ("ifGenerationMatch=x", (400, 400, 400, 400), (400, 400, 400, 400)),
    ("ifGenerationMatch={g}&ifMetagenerationMatch=2", (412, 412, 412, 412), (404, 404, 412, 404)),
]


@pytest.mark.parametrize(("query", "existing", "absent"), CONDITIONS, ids=[row[0] for row in CONDITIONS])
def test_conditions_on_every_verb(
    bucket: storage.Bucket, query: str, existing: tuple[int, ...], absent: tuple[int, ...]
) -> None:
    target = api(bucket, "/o/a")
    content = api(bucket, "/o?uploadType=media&name=a", prefix="/upload/storage/v1")
    calls: tuple[Callable[[str], requests.Response], ...] = (
        lambda q: requests.get(f"{target}?{q}", timeout=10),
        lambda q: requests.patch(f"{target}?{q}", json={"cacheControl": "no-store"}, timeout=10),
        lambda q: requests.post(f"{content}&{q}", data=b"new", timeout=10),
        lambda q: requests.delete(f"{target}?{q}", timeout=10),
    )
    for there, expected in ((True, existing), (False, absent)):
        statuses = []
        for call in calls:
            requests.delete(target, timeout=10)
            generation = requests.post(content, data=b"old", timeout=10).json()["generation"] if there else "1234567"
            statuses.append(call(query.format(g=generation)).status_code)
        assert tuple(statuses) == expected


def test_conditions_by_etag(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string("x")
    blob.reload(if_etag_match=blob.etag)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_etag_not_match=blob.etag)
    with pytest.raises(exceptions.PreconditionFailed):
        blob.reload(if_etag_match="other")


def test_a_checksum_that_does_not_match_stores_nothing(bucket: storage.Bucket) -> None:
    url = api(bucket, "/o?uploadType=media&name=a", prefix="/upload/storage/v1")
    for headers in ({"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, {"x-goog-hash": "crc32c=AAAAAA=="}):
        answer = requests.post(url, data=b"x", headers=headers, timeout=10)
        assert (answer.status_code, reason(answer)) == (400, "invalid")
    assert bucket.get_blob("a") is None


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("content", [b"", b"\r\n", b"--frontier", b"a\r\n--front", bytes(range(256)) * 1000])
def test_multipart_bodies(bucket: storage.Bucket, newline: bytes, content: bytes) -> None:
    parts = [b"--frontier", b"Content-Type: application/json", b"", json.dumps({"name": "m"}).encode(),
             b"--frontier", b"Content-Type: text/x-odd", b"", content, b"--frontier--", b""]  # fmt: skip
    answer = requests.post(
        api(bucket, "/o?uploadType=multipart", prefix="/upload/storage/v1"), data=newline.join(parts), timeout=10,
        headers={"content-type": 'multipart/related; boundary="frontier"'},
    )  # fmt: skip
    assert answer.json()["contentType"] == "text/x-odd"
    assert bucket.blob("m").download_as_bytes() == content


@pytest.mark.parametrize(
    ("query", "headers", "body", "status"),
    [
        ("uploadType=media", {}, b"x", 400),  # no name
        ("uploadType=other&name=a", {}, b"x", 400),
        ("uploadType=media&name=a%0Ab", {}, b"x", 400),
        ("uploadType=media&name=" + "a" * 1025, {}, b"x", 400),
        ("uploadType=multipart&name=a", {"content-type": "text/plain"}, b"x", 400),
        ("uploadType=multipart&name=a", {"content-type": "multipart/related; boundary=b"}, b"--b\r\n\r\n{}", 400),
        ("uploadType=resumable&name=a", {}, b"{not json", 400),
        ("uploadType=resumable&name=a", {}, b"[]", 400),
        ("uploadType=resumable&upload_id=nonsense", {}, b"x", 404),
    ],
)
def test_uploads_that_cannot_be_read(
    bucket: storage.Bucket, query: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    url = api(bucket, f"/o?{query}", prefix="/upload/storage/v1")
    answer = requests.post(url, data=body, headers=headers, timeout=10)
    assert answer.status_code == status
    assert reason(answer)
    assert list(bucket.list_blobs()) == []


# downloads


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-20", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-500", 206, b"56789", "bytes 5-9/10"),
        ("bytes=0-9", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-4", 200, b"0123456789", None),  # not a range: passed over
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("items=0-1", 200, b"0123456789", None),
    ],
)
def test_ranges(bucket: storage.Bucket, asked: str, status: int, content: bytes | None, told: str | None) -> None:
    bucket.blob("digits").upload_from_string("0123456789")
    answer = requests.get(api(bucket, "/o/digits?alt=media"), headers={"range": asked}, timeout=10)
    assert (answer.status_code, answer.headers.get("content-range")) == (status, told)
    if content is None:
        assert reason(answer) == "requestedRangeNotSatisfiable"
    else:
        assert answer.content == content


def test_download_headers(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.metadata = {"k": "v"}
    blob.upload_from_string("content", content_type="text/plain")
    fresh = bucket.blob("a")
    assert fresh.download_as_text() == "content"
    for name in ("generation", "metageneration", "etag", "content_type", "storage_class", "md5_hash", "crc32c"):
        assert str(getattr(fresh, name)) == str(getattr(blob, name)), name
    headers = requests.get(api(bucket, "/o/a?alt=media"), timeout=10).headers
    assert headers["x-goog-stored-content-length"] == headers["content-length"] == "7"
    assert (headers["x-goog-stored-content-encoding"], headers["accept-ranges"]) == ("identity", "bytes")
    assert (headers["x-goog-meta-k"], headers["last-modified"][-3:]) == ("v", "GMT")


def test_a_reader_keeps_what_it_opened(bucket: storage.Bucket) -> None:
    old, new = b"a" * 3_000_000, b"b" * 3_000_000
    blob = bucket.blob("big")
    blob.upload_from_string(old)
    with requests.get(api(bucket, "/o/big?alt=media"), stream=True, timeout=10) as answer:
        first = answer.raw.read(1000)
        blob.upload_from_string(new)
        assert first + answer.raw.read() == old
    assert blob.download_as_bytes() == new


# the rest


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 403),  # the list of buckets: not for strangers
        ("GET", "/nonsense", 403),
        ("POST", "/storage/v1/b/some-bucket/o/a", 405),
        ("GET", "/storage/v1/b/some-bucket/o/%FF", 400),
        ("GET", "/_emulator/health", 200),
    ],
)
def test_other_routes(emulator: EmulatorUnderTest, method: str, path: str, status: int) -> None:
    assert requests.request(method, emulator.url + path, timeout=10).status_code == status


def test_sign_blob_signs_with_the_accounts_key(emulator: EmulatorUnderTest) -> None:
    credentials = service_account.Credentials.from_service_account_file(str(emulator.key))
    url = f"{emulator.url}/v1/projects/-/serviceAccounts/{credentials.service_account_email}:signBlob"
    answer = requests.post(url, json={"payload": base64.b64encode(b"message").decode()}, timeout=10).json()
    assert base64.b64decode(answer["signedBlob"]) == credentials.sign_bytes(b"message")
    assert requests.post(url, json={"payload": "?"}, timeout=10).status_code == 400
    assert requests.post(url.replace("tests@", "other@"), json={"payload": "YQ=="}, timeout=10).status_code == 404
