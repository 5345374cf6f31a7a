"""Tests that what the service refuses by its documents is refused here too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from google.api_core.exceptions import BadRequest
from google.cloud import storage

from tests.emulator.signed import error_code
from tests.emulator.test_xml import begin, put_chunk
from tests.servers import EmulatorUnderTest, api

QUARTER_MIB = 256 * 1024


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


NAMES = [
    # name, whether a bucket may have it
    ("abc", True),
    ("a-b_c.d", True),
    ("a" * 63, True),
    (f"{'a' * 63}.{'b' * 63}.{'c' * 63}", True),
    ("1.2.3", True),
    ("1.2.3.4.5", True),
    ("a..b", False),
    ("a.-b", False),
    ("a-.b", False),
    ("192.168.5.4", False),
    ("goog-x", False),
    ("goog", False),
    ("my-google-bucket", False),
    ("g00gle-x", False),
    ("a" * 64, False),
    (f"{'a' * 64}.b", False),
    (f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 31}", False),
    ("ab", False),
    ("-ab", False),
    ("ab-", False),
    ("_ab", False),
    ("Abc", False),
    ("a b", False),
    ("", False),
]


@pytest.mark.parametrize(("name", "good"), NAMES)
def test_names_of_buckets(emulator: EmulatorUnderTest, name: str, good: bool) -> None:
    answer = requests.post(f"{emulator.url}/storage/v1/b?project=p", json={"name": name}, timeout=10)
    assert answer.status_code == (200 if good else 400)
    if name:
        owner = {"authorization": "Bearer x"}
        made = requests.put(f"{emulator.url}/{name}", headers=owner, timeout=10)
        assert error_code(made) == ("BucketAlreadyOwnedByYou" if good else "InvalidBucketName")
    if good:
        emulator.client.bucket(name).delete()


def test_a_bucket_is_made_in_a_project(emulator: EmulatorUnderTest) -> None:
    for query in ("", "?project="):
        answer = requests.post(f"{emulator.url}/storage/v1/b{query}", json={"name": "without-project"}, timeout=10)
        assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "required")
    assert not emulator.client.bucket("without-project").exists()


@pytest.mark.parametrize(
    ("first", "status"),
    [(QUARTER_MIB, 308), (2 * QUARTER_MIB, 308), (1, 400), (QUARTER_MIB - 1, 400), (QUARTER_MIB + 1, 400)],
)
@pytest.mark.parametrize("total", ["*", str(3 * QUARTER_MIB)])
def test_a_middle_chunk_is_a_multiple_of_256_kib(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, first: int, status: int, total: str
) -> None:
    session = begin(emulator, bucket.blob(f"chunked-{first}-{total}"))
    answer = put_chunk(session, b"x" * first, f"0-{first - 1}/{total}")
    assert answer.status_code == status
    received = put_chunk(session, b"", f"*/{total}").headers.get("range")
    assert received == (f"bytes=0-{first - 1}" if status == 308 else None)
    at = first if status == 308 else 0
    rest = 3 * QUARTER_MIB - at if total != "*" else 5
    last = put_chunk(session, b"y" * rest, f"{at}-{at + rest - 1}/{at + rest}")
    assert last.status_code == 200  # the refused chunk has done no harm


def test_a_chunk_is_as_long_as_its_range_says(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    session = begin(emulator, bucket.blob("mismatch"))
    for content, span in ((b"abc", "0-3/4"), (b"abc", "0-1/2"), (b"abc", "0-2/2"), (b"abc", "0-4/3")):
        assert put_chunk(session, content, span).status_code == 400, span
    assert put_chunk(session, b"abcd", "0-3/4").status_code == 200


def test_the_custom_time_never_goes_back(bucket: storage.Bucket) -> None:
    blob = bucket.blob("timed")
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    blob.custom_time = moment
    blob.upload_from_string("x")
    for change in (moment - timedelta(seconds=1), None):
        blob.custom_time = change
        with pytest.raises(BadRequest):
            blob.patch()
    blob.custom_time = moment + timedelta(days=1)
    blob.patch()
    url = api(bucket, "/o/timed")
    assert requests.put(url, json={"contentType": "a/b"}, timeout=10).json()["customTime"].startswith("2026-03-02")
    assert requests.put(url, json={"customTime": "2026-03-01T00:00:00Z"}, timeout=10).status_code == 400
    assert requests.patch(url, json={"customTime": "soon"}, timeout=10).status_code == 400


def test_a_batch_holds_a_hundred_calls(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    def batch(count: int) -> requests.Response:
        call = f"--x\r\nContent-Type: application/http\r\n\r\nGET /storage/v1/b/{bucket.name} HTTP/1.1\r\n\r\n\r\n"
        kind = {"content-type": "multipart/mixed; boundary=x"}
        return requests.post(f"{emulator.url}/batch/storage/v1", data=call * count + "--x--", headers=kind, timeout=20)

    assert batch(100).text.count("HTTP/1.1 200") == 100
    assert batch(101).status_code == 400


RULE = {"action": {"type": "Delete"}, "condition": {"age": 1}}
RULES = [
    (RULE, True),
    ({"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 0}}, True),
    ({"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}}, True),
    ({**RULE, "condition": {"matchesPrefix": ["a/"], "isLive": False, "numNewerVersions": 3}}, True),
    ({**RULE, "condition": {"createdBefore": "2026-01-31", "daysSinceCustomTime": 3}}, True),
    ({**RULE, "condition": {"matchesStorageClass": ["STANDARD"], "customTimeBefore": "2026-01-31"}}, True),
    ({**RULE, "condition": {"noncurrentTimeBefore": "2026-01-31", "daysSinceNoncurrentTime": 3}}, True),
    ({**RULE, "action": {"type": "Explode"}}, False),
    ({**RULE, "action": {}}, False),
    ({"condition": {"age": 1}}, False),
    ({**RULE, "condition": {}}, False),
    ({"action": {"type": "Delete"}}, False),
    ({**RULE, "condition": {"age": -1}}, False),
    ({**RULE, "condition": {"age": "old"}}, False),
    ({**RULE, "condition": {"weather": "fine"}}, False),
    ({**RULE, "condition": {"createdBefore": "yesterday"}}, False),
    ({**RULE, "condition": {"isLive": "maybe"}}, False),
    ({**RULE, "condition": {"matchesPrefix": "a"}}, False),
    ({**RULE, "condition": {"matchesStorageClass": ["GOLD"]}}, False),
    ({"action": {"type": "SetStorageClass"}, "condition": {"age": 1}}, False),
    ({"action": {"type": "SetStorageClass", "storageClass": "GOLD"}, "condition": {"age": 1}}, False),
    ({"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"isLive": True}}, False),
    ("Delete", False),
]


@pytest.mark.parametrize(("rule", "good"), RULES)
def test_rules_of_the_lifecycle(bucket: storage.Bucket, rule: object, good: bool) -> None:
    before = requests.get(api(bucket), timeout=10).json()
    answer = requests.patch(api(bucket), json={"lifecycle": {"rule": [rule]}}, timeout=10)
    assert answer.status_code == (200 if good else 400)
    if not good:
        assert requests.get(api(bucket), timeout=10).json() == before


@pytest.mark.parametrize("lifecycle", [{"rule": {}}, {"rule": [RULE] * 101}, {"rules": [RULE]}, "never"])
def test_a_lifecycle_is_a_list_of_rules(bucket: storage.Bucket, lifecycle: object) -> None:
    assert requests.patch(api(bucket), json={"lifecycle": lifecycle}, timeout=10).status_code == 400


@pytest.mark.parametrize("storage_class", ["GOLD", "", 7])
def test_storage_classes(emulator: EmulatorUnderTest, bucket: storage.Bucket, storage_class: object) -> None:
    asked = {"name": "classless", "storageClass": storage_class}
    assert requests.post(f"{emulator.url}/storage/v1/b?project=p", json=asked, timeout=10).status_code == 400
    upload = api(bucket, "/o?uploadType=resumable&name=classless", prefix="/upload/storage/v1")
    assert requests.post(upload, json={"storageClass": storage_class}, timeout=10).status_code == 400
