"""Tests what clients of other languages do differently; each of these once stopped one of them."""

from __future__ import annotations

import gzip
import socket

import pytest
import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest, api

CONTENT = b"zipped " * 50_000


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


def begun(emulator: EmulatorUnderTest, bucket: storage.Bucket, name: str, prefix: str = "/upload") -> str:
    """A resumable session's address."""
    url = api(bucket, f"/o?uploadType=resumable&name={name}", prefix=f"{prefix}/storage/v1")
    return requests.post(url, timeout=10).headers["location"]


def test_an_upload_whose_end_is_its_body_s(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    session = begun(emulator, bucket, "open-ended", prefix="/resumable/upload")
    answer = requests.put(session, data=iter([b"ab", b"cd"]), headers={"content-range": "bytes 0-*/*"}, timeout=10)
    assert (answer.status_code, answer.json()["size"]) == (200, "4")


def test_a_client_that_cannot_take_a_308(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    session = begun(emulator, bucket, "no-308")
    headers = {"content-range": "bytes 0-262143/*", "x-guploader-no-308": "yes"}
    answer = requests.put(session, data=b"x" * 262144, headers=headers, timeout=10)
    assert (answer.status_code, answer.headers["x-http-status-code-override"]) == (200, "308")
    assert answer.headers["range"] == "bytes=0-262143"


def test_null_is_no_body(bucket: storage.Bucket) -> None:
    bucket.blob("source").upload_from_string("x")
    path = api(bucket, f"/o/source/rewriteTo/b/{bucket.name}/o/target")
    answer = requests.post(path, data="null\n", headers={"content-type": "application/json"}, timeout=10)
    assert answer.json()["done"] is True


def test_a_boundary_that_is_quoted_in_the_header_alone(bucket: storage.Bucket) -> None:
    body = b'--==b==\nContent-Type: application/json\n\n{"name": "quoted"}\n--==b==\n\ncontent\n--==b==--'
    url = api(bucket, "/o?uploadType=multipart", prefix="/upload/storage/v1")
    headers = {"content-type": "multipart/related; boundary='==b=='"}
    assert requests.post(url, data=body, headers=headers, timeout=10).status_code == 200
    assert bucket.blob("quoted").download_as_bytes() == b"content"


@pytest.mark.parametrize("range_", ["", "bytes=0-9"])
@pytest.mark.parametrize(
    ("accepts", "cache", "unpacked"),
    [
        ("gzip", None, False),
        ("identity", None, True),
        ("gzip;q=0", None, True),
        ("", None, True),
        ("identity", "no-transform", False),  # the owner forbids it
    ],
)
def test_gzip_is_unpacked_for_who_does_not_take_it(
    bucket: storage.Bucket, accepts: str, cache: str | None, unpacked: bool, range_: str
) -> None:
    blob = bucket.blob("packed")
    blob.content_encoding, blob.cache_control = "gzip", cache
    packed = gzip.compress(CONTENT) + gzip.compress(b"and more")
    blob.upload_from_string(packed, content_type="text/plain")
    headers = {"accept-encoding": accepts} | ({"range": range_} if range_ else {})
    answer = requests.get(api(bucket, "/o/packed?alt=media"), headers=headers, stream=True, timeout=10)
    content = answer.raw.read(decode_content=False)
    assert answer.headers["x-goog-stored-content-encoding"] == "gzip"
    if unpacked:
        assert (content, answer.status_code) == (CONTENT + b"and more", 200)
        assert not {"content-length", "content-encoding"} & {name.lower() for name in answer.headers}
    else:
        assert content == (packed[:10] if range_ else packed)
        assert answer.headers["content-encoding"] == "gzip"


def test_what_is_called_gzip_and_is_not(bucket: storage.Bucket) -> None:
    blob = bucket.blob("not packed")
    blob.content_encoding = "gzip"
    blob.upload_from_string(b"plain")
    answer = requests.get(
        api(bucket, "/o/not%20packed?alt=media"), headers={"accept-encoding": "identity"}, stream=True, timeout=10
    )
    assert answer.raw.read(decode_content=False) == b"plain"


def test_rights_and_what_else_tools_ask_of_a_bucket(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    bucket.acl.group("g@example.org").grant_read()
    bucket.acl.save()
    bucket.acl.reload()
    assert bucket.acl.group("g@example.org").get_roles() == {"READER"}
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]
    assert list(bucket.list_notifications()) == []
    layout = requests.get(api(bucket, "/storageLayout"), timeout=10).json()
    assert layout["locationType"] == "multi-region"
    bucket.retention_period = 60
    bucket.patch()
    blob = bucket.blob("kept")
    blob.upload_from_string("x")
    assert requests.delete(api(bucket, "/o/kept"), timeout=10).status_code == 403
    folders = api(bucket, "/managedFolders")
    assert requests.post(folders, json={"name": "f"}, timeout=10).status_code == 200
    listed = requests.get(api(bucket, "/o?delimiter=/&includeFoldersAsPrefixes=true"), timeout=10).json()
    assert listed["prefixes"] == ["f/"]
    assert requests.delete(folders + "/f", timeout=10).status_code == 204
    assert requests.delete(folders + "/f", timeout=10).status_code == 404


def test_lists_of_rights_do_not_count_where_access_is_uniform(emulator: EmulatorUnderTest) -> None:
    bucket = emulator.bucket()
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.patch()
    assert requests.get(api(bucket, "/acl"), timeout=10).status_code == 400
    given = {"acl": [{"entity": "allUsers", "role": "READER"}]}
    assert requests.patch(api(bucket), json=given, timeout=10).status_code == 400
    upload = api(bucket, "/o?uploadType=media&name=a&predefinedAcl=publicRead", prefix="/upload/storage/v1")
    assert requests.post(upload, data=b"x", timeout=10).status_code == 400


def test_conditions_in_the_query_of_a_read_by_the_xml_api(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    blob = bucket.blob("conditions")
    blob.upload_from_string("x")
    url, headers = f"{emulator.url}/{bucket.name}/conditions", {"x-cloud-trace-context": "any"}

    def status(condition: str, **more: str) -> int:
        return requests.get(f"{url}?{condition}", headers={**headers, **more}, timeout=10).status_code

    assert status(f"ifGenerationMatch={blob.generation}") == 200
    assert status("ifGenerationMatch=1") == 412
    assert status(f"ifGenerationNotMatch={blob.generation}") == 304
    assert (status("ifMetagenerationMatch=1"), status("ifMetagenerationMatch=2")) == (200, 412)
    assert status("ifMetagenerationNotMatch=1") == 304
    assert status("ifGenerationMatch=x") == 400
    assert status(f"ifGenerationMatch={blob.generation}", **{"x-goog-if-generation-match": "1"}) == 412


def test_an_empty_object_is_downloaded_in_chunks(bucket: storage.Bucket) -> None:
    blob = bucket.blob("empty", chunk_size=256 * 1024)
    blob.upload_from_string("")
    assert blob.download_as_bytes() == b""  # the client asks for a range, and knows the end by the header of the 416


def raw(emulator: EmulatorUnderTest, request: bytes, times: int = 1) -> list[bytes]:
    """Send a request as it is, again and again on one connection; the answers as they come."""
    host, port = emulator.url.removeprefix("http://").split(":")
    answers = []
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for _ in range(times):
            connection.sendall(request)
            answers.append(connection.recv(65536))
    return answers


@pytest.mark.parametrize("written", ["Transfer-Encoding: identity", "transfer-encoding:identity "])
def test_a_transfer_encoding_that_means_nothing(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, written: str
) -> None:
    path = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=identity"
    body = b"\r\nTransfer-Encoding: identity\r\n\r\nTransfer-Encoding: chunked\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{written}\r\nContent-Length: {len(body)}\r\n\r\n"
    answers = raw(emulator, head.encode() + body, times=2)
    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 200 "] * 2
    assert bucket.blob("identity").download_as_bytes() == body


def test_a_length_beside_chunks(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    path = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=chunks"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n"
    chunks = b"8\r\nnine\r\n\r\n\r\n1\r\n!\r\n0\r\n\r\n"
    answers = raw(emulator, head.encode() + chunks, times=2)
    assert [answer[:13] for answer in answers] == [b"HTTP/1.1 200 "] * 2
    assert bucket.blob("chunks").download_as_bytes() == b"nine\r\n\r\n!"


def test_names_of_headers_are_spelled_as_the_service_spells_them(
    emulator: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    content = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"  # is no head
    bucket.blob("a head").upload_from_string(content, content_type="message/http")
    path = f"/download/storage/v1/b/{bucket.name}/o/a%20head?alt=media"
    (answer,) = raw(emulator, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
    assert names >= {b"Content-Length", b"Content-Type", b"ETag", b"Last-Modified", b"x-goog-generation"}
    assert body == content
    start = f"POST /upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&name=x HTTP/1.1\r\nHost: localhost\r\n"
    (begun,) = raw(emulator, f"{start}Content-Length: 0\r\n\r\n".encode())
    assert b"\r\nLocation: http://" in begun
