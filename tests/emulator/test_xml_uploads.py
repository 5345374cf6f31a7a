"""The listing of unfinished multipart uploads, as clients of Amazon's page through it."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from google.cloud import storage

from tests.emulator.signed import error_code
from tests.emulator.test_xml_buckets import call, tree
from tests.servers import EmulatorUnderTest

KEYS = ["a", "a", "b/1", "b/2", "c ü&"]


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    for key in KEYS:
        begun = call(
            emulator, "POST", f"/{bucket.name}/{quote(key)}?uploads", headers={"x-goog-storage-class": "NEARLINE"}
        )
        assert begun.status_code == 200
    call(emulator, "POST", f"/{bucket.name}/resumable", headers={"x-goog-resumable": "start"})  # is none of them
    return bucket


def listed(emulator: EmulatorUnderTest, bucket: storage.Bucket, **params: str) -> ElementTree.Element:
    more = "".join(f"&{name.replace('_', '-')}={quote(value, safe='')}" for name, value in params.items())
    return tree(call(emulator, "GET", f"/{bucket.name}?uploads{more}"))


def keys(page: ElementTree.Element) -> list[str]:
    return [item.findtext("Key") or "" for item in page.iter("Upload")]


def test_what_is_told_of_an_upload(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    page = listed(emulator, bucket)
    assert (keys(page), page.findtext("IsTruncated"), page.findtext("MaxUploads")) == (KEYS, "false", "1000")
    for item in page.iter("Upload"):
        begun = datetime.fromisoformat(item.findtext("Initiated") or "")
        assert 0 <= (datetime.now(UTC) - begun).total_seconds() < 60
        assert item.findtext("StorageClass") == "NEARLINE" and item.findtext("UploadId")


def test_pages(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    found: list[tuple[str | None, str | None]] = []
    markers: dict[str, str] = {}
    for expected in (1, 2, 2):
        page = listed(emulator, bucket, max_uploads=str(expected), **markers)
        found += [(item.findtext("Key"), item.findtext("UploadId")) for item in page.iter("Upload")]
        assert len(keys(page)) == expected
        names = {"key_marker": "NextKeyMarker", "upload_id_marker": "NextUploadIdMarker"}
        markers = {name: page.findtext(element) or "" for name, element in names.items()}
    assert ([key for key, _ in found], len(set(found)), markers["key_marker"]) == (KEYS, 5, "")
    assert keys(listed(emulator, bucket, key_marker="a")) == KEYS[2:]  # without an ID all uploads of the key are behind
    assert error_code(call(emulator, "GET", f"/{bucket.name}?uploads&max-uploads=x")) == "InvalidArgument"


def test_prefixes(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    page = listed(emulator, bucket, delimiter="/", max_uploads="3")
    assert keys(page) == ["a", "a"]
    assert [item.text for item in page.findall("CommonPrefixes/Prefix")] == ["b/"]
    assert page.findtext("NextKeyMarker") == "b/"
    rest = listed(emulator, bucket, delimiter="/", key_marker="b/")
    assert (keys(rest), rest.findall("CommonPrefixes")) == (["c ü&"], [])
    inner = listed(emulator, bucket, prefix="b/", delimiter="/")
    assert (keys(inner), inner.findtext("Prefix"), inner.findtext("Delimiter")) == (["b/1", "b/2"], "b/", "/")
    assert keys(listed(emulator, bucket, prefix="c", encoding_type="url")) == [quote("c ü&")]
