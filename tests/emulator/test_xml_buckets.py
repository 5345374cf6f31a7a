"""Tests buckets, listings, multipart uploads and copies in the XML API; and batches of the JSON API."""

from __future__ import annotations

import hashlib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests
from google.cloud import storage
from google.cloud.storage import transfer_manager

from tests.emulator.signed import error_code
from tests.servers import EmulatorUnderTest, api

OWNER = {"authorization": "Bearer local"}
NAMES = ["a", "a/", "a/b/1", "a/c", "b/1", "z", "é +&/1"]
PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    for name in NAMES:
        bucket.blob(name).upload_from_string(name)
    return bucket


def tree(answer: requests.Response) -> ElementTree.Element:
    """The answer's document, names without their namespace."""
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own server's answer
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def call(emulator: EmulatorUnderTest, method: str, path: str, **more: object) -> requests.Response:
    headers = {**OWNER, **more.pop("headers", {})}  # type: ignore[dict-item]
    return requests.request(method, emulator.url + path, headers=headers, timeout=20, **more)  # type: ignore[arg-type]


LISTINGS = [
    # parameters, keys, prefixes
    ({}, NAMES, []),
    ({"delimiter": "/"}, ["a", "z"], ["a/", "b/", "é +&/"]),
    ({"prefix": "a/", "delimiter": "/"}, ["a/", "a/c"], ["a/b/"]),
    ({"prefix": "none"}, [], []),
]


@pytest.mark.parametrize("kind", ["1", "2"])
@pytest.mark.parametrize("size", ["1", "2", "1000"])
@pytest.mark.parametrize(("query", "keys", "prefixes"), LISTINGS)
def test_a_listing_whole_and_in_pages(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, query: dict[str, str], keys: list[str], prefixes: list[str],
    size: str, kind: str,
) -> None:  # fmt: skip
    found: tuple[list[str], list[str]] = ([], [])
    paging = {"list-type": "2"} if kind == "2" else {}
    for _ in range(20):
        root = tree(call(emulator, "GET", f"/{bucket.name}", params={**query, **paging, "max-keys": size}))
        assert (root.tag, root.findtext("Name")) == ("ListBucketResult", bucket.name)
        found[0].extend(item.findtext("Key", "") for item in root.iter("Contents"))
        found[1].extend(item.findtext("Prefix", "") for item in root.iter("CommonPrefixes"))
        if root.findtext("IsTruncated") == "false":
            break
        token = root.findtext("NextContinuationToken") if kind == "2" else root.findtext("NextMarker")
        paging["continuation-token" if kind == "2" else "marker"] = token or ""
    assert found == (keys, prefixes)


def test_what_a_listing_says_of_an_object(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.get_blob("z")
    assert blob is not None
    listed = next(tree(call(emulator, "GET", f"/{bucket.name}?prefix=z")).iter("Contents"))
    assert listed.findtext("Generation") == str(blob.generation)
    assert (listed.findtext("Size"), listed.findtext("ETag")) == ("1", f'"{hashlib.md5(b"z").hexdigest()}"')  # noqa: S324
    encoded = tree(call(emulator, "GET", f"/{bucket.name}?prefix=%C3%A9&encoding-type=url"))
    assert next(encoded.iter("Contents")).findtext("Key") == "%C3%A9%20%2B%26/1"
    assert call(emulator, "GET", f"/{bucket.name}?start-after=b/1&list-type=2&max-keys=1").text.count("<Key>") == 1
    owned = tree(call(emulator, "GET", f"/{bucket.name}?list-type=2&fetch-owner=true")).findtext("Contents/Owner/ID")
    assert owned and "Owner" not in call(emulator, "GET", f"/{bucket.name}?list-type=2").text


def test_a_bucket_s_life(emulator: EmulatorUnderTest) -> None:
    path = "/xml-made-bucket"
    body = "<CreateBucketConfiguration><LocationConstraint>eu</LocationConstraint></CreateBucketConfiguration>"
    assert call(emulator, "PUT", path, data=body).status_code == 200
    assert error_code(call(emulator, "PUT", path)) == "BucketAlreadyOwnedByYou"
    assert tree(call(emulator, "GET", path + "?location")).text == "EU"
    assert "xml-made-bucket" in call(emulator, "GET", "/").text
    assert call(emulator, "HEAD", path).status_code == 200
    assert call(emulator, "GET", path + "?cors").status_code == 501
    assert call(emulator, "DELETE", path).status_code == 204
    assert error_code(call(emulator, "GET", path)) == "NoSuchBucket"


def test_a_copy_by_header(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    source = {"x-goog-copy-source": f"/{bucket.name}/%C3%A9%20%2B%26/1"}
    copied = call(emulator, "PUT", f"/{bucket.name}/copied", headers=source)
    assert (copied.status_code, tree(copied).tag) == (200, "CopyObjectResult")
    assert bucket.blob("copied").download_as_bytes() == "é +&/1".encode()
    wrong = {**source, "x-goog-copy-source-if-generation-match": "1"}
    assert error_code(call(emulator, "PUT", f"/{bucket.name}/copied", headers=wrong)) == "PreconditionFailed"
    replaced = {**source, "x-goog-metadata-directive": "REPLACE", "content-type": "x/y"}
    assert call(emulator, "PUT", f"/{bucket.name}/copied", headers=replaced).status_code == 200
    blob = bucket.get_blob("copied")
    assert blob is not None and blob.content_type == "x/y"
    blob.delete()


def test_parts_make_an_object(emulator: EmulatorUnderTest, bucket: storage.Bucket, tmp_path: Path) -> None:
    file, content = tmp_path / "big", bytes(range(256)) * 43_000  # 11 MB
    file.write_bytes(content)
    blob = bucket.blob("parts/ä by client")
    transfer_manager.upload_chunks_concurrently(
        str(file), blob, chunk_size=PART, worker_type=transfer_manager.THREAD, max_workers=2
    )
    assert blob.download_as_bytes() == content
    blob.delete()


def test_parts_in_any_order_and_what_is_refused(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    path = f"/{bucket.name}/parts/own"
    begun = tree(call(emulator, "POST", path + "?uploads", headers={"content-type": "a/b"}))
    upload = begun.findtext("UploadId")
    tags = {}
    for number, content in ((3, b"end"), (1, b"x"), (2, b"y" * PART), (1, b"x" * PART)):
        part = call(emulator, "PUT", f"{path}?partNumber={number}&uploadId={upload}", data=content)
        tags[number] = part.headers["etag"]
    assert f'"{hashlib.md5(b"end").hexdigest()}"' == tags[3]  # noqa: S324
    listed = tree(call(emulator, "GET", f"{path}?uploadId={upload}"))
    assert [part.findtext("PartNumber") for part in listed.iter("Part")] == ["1", "2", "3"]
    assert str(upload) in call(emulator, "GET", f"/{bucket.name}?uploads").text

    def complete(*numbers: int, tag: str = "") -> requests.Response:
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag or tags[n]}</ETag></Part>" for n in numbers)
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        return call(emulator, "POST", f"{path}?uploadId={upload}", data=body)

    tags[4] = '"none"'
    for refused, code in (
        (complete(2, 1), "InvalidPartOrder"),
        (complete(1, 4), "InvalidPart"),
        (complete(1, tag='"0"'), "InvalidPart"),
        (complete(1, 3, 4), "InvalidPart"),
        (call(emulator, "POST", f"{path}?uploadId={upload}", data="<no"), "InvalidArgument"),
        (call(emulator, "PUT", f"{path}?partNumber=0&uploadId={upload}", data=b"x"), "InvalidArgument"),
        (call(emulator, "PUT", f"{path}x?partNumber=1&uploadId={upload}", data=b"x"), "NoSuchUpload"),
    ):
        assert error_code(refused) == code
    assert tree(complete(1, 2, 3)).findtext("Key") == "parts/own"
    blob = bucket.get_blob("parts/own")
    assert blob is not None and (blob.size, blob.content_type, blob.md5_hash) == (2 * PART + 3, "a/b", None)
    assert error_code(complete(1, 2, 3)) == "NoSuchUpload"
    blob.delete()


def test_a_part_in_the_middle_must_not_be_small_and_an_upload_can_be_given_up(
    emulator: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    path = f"/{bucket.name}/parts/small"
    upload = tree(call(emulator, "POST", path + "?uploads")).findtext("UploadId")
    parts = ""
    for number in (1, 2):
        tag = call(emulator, "PUT", f"{path}?partNumber={number}&uploadId={upload}", data=b"x").headers["etag"]
        parts += f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
    assert error_code(call(emulator, "POST", f"{path}?uploadId={upload}", data=body)) == "EntityTooSmall"
    assert requests.put(f"{emulator.url}{path}?partNumber=1&uploadId={upload}", timeout=10).status_code == 403
    assert call(emulator, "DELETE", f"{path}?uploadId={upload}").status_code == 204
    assert error_code(call(emulator, "GET", f"{path}?uploadId={upload}")) == "NoSuchUpload"


def test_a_batch(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blobs = [bucket.blob(f"batch/{number}") for number in range(3)]
    for blob in blobs:
        blob.upload_from_string("x")
    with emulator.client.batch():
        for blob in blobs[:2]:
            blob.metadata = {"in": "batch"}
            blob.patch()
        blobs[2].delete()
    assert [blob.metadata for blob in blobs[:2]] == [{"in": "batch"}] * 2
    assert sorted(blob.name for blob in bucket.list_blobs(prefix="batch/")) == ["batch/0", "batch/1"]
    bucket.delete_blobs(blobs[:2])
    url = f"{emulator.url}/batch/storage/v1"
    for body in ("", "--b\r\n\r\nGET / HTTP/1.1\r\n"):
        headers = {"content-type": "multipart/mixed; boundary=b"}
        assert requests.post(url, data=body, headers=headers, timeout=10).status_code == 400


def test_globs_fields_and_filters_of_a_listing(bucket: storage.Bucket) -> None:
    assert [blob.name for blob in bucket.list_blobs(match_glob="**/1", page_size=1)] == ["a/b/1", "b/1", "é +&/1"]
    found = bucket.list_blobs(match_glob="a/**", delimiter="/", prefix="a/")
    assert [blob.name for blob in found] == ["a/", "a/c"] and found.prefixes == {"a/b/"}
    answer = requests.get(api(bucket, "/o") + "?fields=items(name,size)&prefix=z", timeout=10).json()
    assert answer == {"items": [{"name": "z", "size": "1"}]}
    assert requests.get(api(bucket) + "?fields=name,a(b", timeout=10).status_code == 400
    full = requests.get(api(bucket, "/o/z") + "?projection=full", timeout=10).json()
    assert full["owner"]["entity"].startswith("user-") and full["acl"]
    assert "acl" not in requests.get(api(bucket, "/o/z"), timeout=10).json()
