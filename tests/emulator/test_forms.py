"""Tests uploads by HTML forms with a signed policy."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
import requests
from google.cloud import storage

from tests.emulator.signed import error_code
from tests.servers import EmulatorUnderTest, credentials_of


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


def policy_of(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, name: str = "form.txt", seconds: int = 60, **more: object
) -> dict[str, str]:
    """The fields that the real client signs."""
    made = emulator.client.generate_signed_post_policy_v4(
        bucket.name, name, expiration=timedelta(seconds=seconds), credentials=credentials_of(emulator.key), **more
    )
    return dict(made["fields"])


def post(
    emulator: EmulatorUnderTest, place: str, fields: dict[str, str], content: bytes = b"data"
) -> requests.Response:
    files = {"file": ("own name.txt", content, "text/plain")}
    return requests.post(f"{emulator.url}/{place}", data=fields, files=files, timeout=10, allow_redirects=False)


def test_a_form(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    given = {"x-goog-meta-a": "ä", "content-type": "text/csv", "cache-control": "no-store"}
    assert post(emulator, bucket.name, policy_of(emulator, bucket, fields=given)).status_code == 204
    blob = bucket.get_blob("form.txt")
    assert blob is not None and blob.download_as_bytes() == b"data"
    assert (blob.metadata, blob.content_type, blob.cache_control) == ({"a": "ä"}, "text/csv", "no-store")


def test_the_name_may_be_the_file_s(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    fields = policy_of(emulator, bucket, "up/${filename}", conditions=[["starts-with", "$key", "up/"]])
    answer = post(emulator, bucket.name, fields)
    assert answer.status_code == 400  # the client's policy asks for the very text ${filename}
    assert not bucket.blob("up/own name.txt").exists()


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("success_action_status", "200", 200),
        ("success_action_status", "201", 201),
        ("success_action_redirect", "https://example.org/done?x=1", 303),
    ],
)
def test_how_success_is_told(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, field: str, value: str, status: int
) -> None:
    answer = post(emulator, bucket.name, policy_of(emulator, bucket, fields={field: value}))
    assert answer.status_code == status
    if status == 303:
        assert answer.headers["location"].startswith(value + "&bucket=")
    if status == 201:
        assert "<PostResponse><Location>" in answer.text


def test_what_is_refused(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    limits = policy_of(emulator, bucket, "refused", conditions=[["content-length-range", 2, 4]])
    other = policy_of(emulator, bucket, "other")
    longer = json.loads(base64.b64decode(limits["policy"]))
    longer["expiration"] = "2999-01-01T00:00:00Z"
    forged = base64.b64encode(json.dumps(longer).encode()).decode()
    for fields, content, code in (
        (limits, b"12345", "EntityTooLarge"),
        (limits, b"1", "EntityTooSmall"),
        ({**limits, "key": "elsewhere"}, b"123", "InvalidPolicyDocument"),
        ({**limits, "x-goog-meta-a": "b"}, b"123", "InvalidPolicyDocument"),
        ({**limits, "policy": forged}, b"123", "SignatureDoesNotMatch"),
        ({**limits, "x-goog-signature": other["x-goog-signature"]}, b"123", "SignatureDoesNotMatch"),
        ({**limits, "x-goog-signature": "zz"}, b"123", "MalformedSecurityHeader"),
        ({**limits, "x-goog-algorithm": "none"}, b"123", "MalformedSecurityHeader"),
        ({key: value for key, value in limits.items() if key != "policy"}, b"123", "AccessDenied"),
        ({key: value for key, value in limits.items() if key != "x-goog-date"}, b"123", "MalformedSecurityHeader"),
        (policy_of(emulator, bucket, "refused", seconds=-1), b"123", "InvalidPolicyDocument"),
        (policy_of(emulator, bucket, "refused", fields={"x-goog-random": "1"}), b"123", "InvalidArgument"),
    ):
        assert error_code(post(emulator, bucket.name, fields, content)) == code
        assert not bucket.blob("refused").exists()
    assert post(emulator, bucket.name, limits, b"123").status_code == 204
    assert error_code(post(emulator, emulator.bucket().name, limits, b"123")) == "InvalidPolicyDocument"


def test_a_form_posted_to_no_bucket_is_for_the_policy_s(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    assert post(emulator, "", policy_of(emulator, bucket, "root")).status_code == 204
    assert bucket.blob("root").exists()
