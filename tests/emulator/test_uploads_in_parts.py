"""Tests which files an upload in parts leaves on the disk, and that parts go only once their object is there."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from google.cloud import storage

from tests.emulator.signed import error_code
from tests.emulator.test_xml_buckets import call, tree
from tests.servers import EmulatorUnderTest


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


class Parts:
    """An upload in parts of an object `a`."""

    def __init__(self, emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
        self._emulator, self._path = emulator, f"/{bucket.name}/a"
        self._upload = str(tree(call(emulator, "POST", f"{self._path}?uploads")).findtext("UploadId"))

    def put(self, number: int, content: bytes, **headers: str) -> requests.Response:
        path = f"{self._path}?partNumber={number}&uploadId={self._upload}"
        return call(self._emulator, "PUT", path, data=content, headers=headers)

    def complete(self, tag: str, **headers: str) -> requests.Response:
        part = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>"
        return call(self._emulator, "POST", f"{self._path}?uploadId={self._upload}", data=body, headers=headers)

    def abort(self) -> None:
        assert call(self._emulator, "DELETE", f"{self._path}?uploadId={self._upload}").status_code == 204

    @property
    def on_disk(self) -> dict[str, bytes]:
        """The number of each part, and its content."""
        incoming = Path(self._emulator.key).parent / "buckets" / "incoming"
        found = [path for path in incoming.iterdir() if path.name.startswith(self._upload)]
        return {path.name.split(".")[1]: path.read_bytes() for path in found}


def test_a_part_that_is_sent_again_replaces_the_first_alone(
    emulator: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    parts = Parts(emulator, bucket)
    for content in (b"first", b"second"):
        tag = parts.put(1, content).headers["etag"]
    parts.put(2, b"not wanted")
    assert parts.on_disk == {"00001": b"second", "00002": b"not wanted"}
    assert error_code(parts.put(1, b"third", **{"x-goog-hash": "crc32c=AAAAAQ=="})) == "BadDigest"
    assert parts.on_disk["00001"] == b"second" and len(parts.on_disk) == 2
    assert parts.complete(tag).status_code == 200
    assert bucket.blob("a").download_as_bytes() == b"second"
    assert parts.on_disk == {}


def test_parts_stay_where_their_object_is_refused(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    parts = Parts(emulator, bucket)
    tag = parts.put(1, b"part").headers["etag"]
    bucket.blob("a").upload_from_string("another's")
    assert error_code(parts.complete(tag, **{"x-goog-if-generation-match": "0"})) == "PreconditionFailed"
    assert bucket.blob("a").download_as_bytes() == b"another's"
    assert parts.complete(tag).status_code == 200
    assert bucket.blob("a").download_as_bytes() == b"part"


def test_an_upload_that_is_given_up_leaves_no_part(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    parts = Parts(emulator, bucket)
    parts.put(1, b"part"), parts.put(2, b"another")
    parts.abort()
    assert parts.on_disk == {}
    assert error_code(parts.put(1, b"late")) == "NoSuchUpload"
    assert parts.on_disk == {}
