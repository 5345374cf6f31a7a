"""Tests that signed links are accepted in every form that clients make: hosts, names, headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud import storage

from tests.emulator.signed import Signed, error_code
from tests.servers import EmulatorUnderTest, running_emulator


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    bucket.blob("there.txt").upload_from_string("there")
    return bucket


@pytest.mark.parametrize("form", ["with port", "without port"])
def test_the_host_may_be_signed_with_or_without_its_port(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, form: str
) -> None:
    host = emulator.url if form == "with port" else "http://127.0.0.1"
    url = emulator.sign(bucket.blob("there.txt"), api_access_endpoint=host)
    assert Signed(url.replace(host, emulator.url), "GET", {}, b"").send().content == b"there"


def test_a_public_host_may_be_signed(tmp_path: Path, emulator: EmulatorUnderTest) -> None:
    with running_emulator(tmp_path / "data", emulator.key, "--public-host", "photos.example.org") as behind:
        bucket = behind.bucket()
        bucket.blob("there.txt").upload_from_string("there")
        url = behind.sign(bucket.blob("there.txt"), api_access_endpoint="https://photos.example.org")
        assert Signed(url.replace("https://photos.example.org", behind.url), "GET", {}, b"").send().content == b"there"
        other = behind.sign(bucket.blob("there.txt"), api_access_endpoint="https://other.example.org")
        assert error_code(Signed(other.replace("https://other.example.org", behind.url), "GET", {}, b"").send()) == (
            "SignatureDoesNotMatch"
        )


@pytest.mark.parametrize("name", ["a b", "ä/ö", "a%2Fb", "a+b", "a//b", "..a/./b", "~a", "a?b#c&d=e", "日本語 " * 20])
def test_odd_names_can_be_signed(emulator: EmulatorUnderTest, bucket: storage.Bucket, name: str) -> None:
    blob = bucket.blob(name)
    put = Signed(emulator.sign(blob, "PUT"), headers={}, body=name.encode())
    assert put.send().status_code == 200
    assert Signed(emulator.sign(blob), "GET", {}, b"").send().content == name.encode()
    assert blob.download_as_bytes() == name.encode()
    assert Signed(emulator.sign(blob, "DELETE"), "DELETE", {}, b"").send().status_code == 204
    assert not blob.exists()


def test_signed_metadata_and_odd_spacing(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    headers = {"x-goog-meta-note": "  two   words ", "content-type": "text/plain"}
    url = emulator.sign(bucket.blob("spaced"), "PUT", headers=dict(headers))
    assert Signed(url, "PUT", {**headers, "x-goog-meta-note": "two   words"}).send().status_code == 200
    blob = bucket.get_blob("spaced")
    assert blob is not None and blob.content_type == "text/plain" and set(blob.metadata) == {"note"}


def test_a_signed_payload_hash_is_checked(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    digest = "fc39e4dd6ca99e16cdf1c2a44ae9cf7b3dcb4a5ee2bd62a1d0bc4d0e8d5c5c0f"
    headers = {"x-goog-content-sha256": digest}
    url = emulator.sign(bucket.blob("hashed"), "PUT", headers=dict(headers))
    assert error_code(Signed(url, "PUT", headers).send()) == "BadDigest"
