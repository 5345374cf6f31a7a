"""Bodies in signed pieces, as minio's client for Go and Amazon's for Java send them over plain HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests
from google.cloud import storage

from tests.emulator.signed import error_code, exactly
from tests.emulator.test_hmac import AMAZON, EMAIL, Key, hashed
from tests.servers import EmulatorUnderTest

KIND = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture(scope="module")
def key(emulator: EmulatorUnderTest) -> Key:
    metadata, secret = emulator.client.create_hmac_key(EMAIL, project_id="some-project")
    return Key(metadata.access_id, secret)


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


class Sent:
    """A signed request with its body in pieces, by the documents of Amazon's, written out by hand."""

    def __init__(
        self, key: Key, url: str, pieces: Sequence[bytes], size: int | None = None, encoding: str = ""
    ) -> None:
        self.url = url
        date, parts = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"), urlsplit(url)
        size = len(b"".join(pieces)) if size is None else size
        told = {} if size == -1 else {"x-amz-decoded-content-length": str(size)}
        told |= {"content-encoding": encoding} if encoding else {}
        self.headers = {
            "host": parts.netloc, "x-amz-content-sha256": KIND, "x-amz-date": date, **told,
        }  # fmt: skip
        names = sorted(self.headers)
        lines = "".join(f"{name}:{self.headers[name]}\n" for name in names)
        canonical = f"PUT\n{parts.path}\n{parts.query}\n{lines}\n{';'.join(names)}\n{KIND}"
        scope = f"{date[:8]}/auto/{AMAZON.scope}"
        last = AMAZON.signature(key, date, canonical)
        self.headers["authorization"] = (
            f"{AMAZON.algorithm} Credential={key.access_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={last}"
        )
        signing = ("AWS4" + key.secret).encode()
        for part in scope.split("/"):
            signing = hashed(signing, part)
        self.pieces = []
        for piece in [*pieces, b""]:
            text = f"AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{last}\n{EMPTY}\n{hashlib.sha256(piece).hexdigest()}"
            last = hashed(signing, text).hex()
            self.pieces.append(f"{len(piece):x};chunk-signature={last}\r\n".encode() + piece + b"\r\n")

    def answer(self, body: bytes | None = None) -> requests.Response:
        return exactly("PUT", self.url, self.headers, b"".join(self.pieces) if body is None else body)


def test_pieces_become_the_content(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    for name, pieces, encoding in (
        ("two", [b"x" * 65536, b"yz"], "aws-chunked"),
        ("zip", [b"zipped"], "aws-chunked,gzip"),
        ("none", [], "aws-chunked"),
        ("plain", [b"a;b\r\nc"], ""),
    ):
        sent = Sent(key, f"{emulator.url}/{bucket.name}/{name}", pieces, encoding=encoding)
        assert sent.answer().status_code == 200, name
        blob = bucket.get_blob(name)
        assert blob is not None and blob.download_as_bytes(raw_download=True) == b"".join(pieces)
        assert blob.content_encoding == ("gzip" if name == "zip" else None)


def test_a_part_of_an_upload_comes_in_pieces(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    url, bearer = f"{emulator.url}/{bucket.name}/parts", {"authorization": "Bearer any"}
    upload = exactly("POST", url + "?uploads", bearer).text.partition("<UploadId>")[2].partition("<")[0]
    part = Sent(key, f"{url}?partNumber=1&uploadId={upload}", [b"one", b"two"]).answer()
    assert part.headers["etag"].strip('"') == hashlib.md5(b"onetwo").hexdigest()  # noqa: S324 - it is what an etag is


def test_pieces_that_are_wrong(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    url = f"{emulator.url}/{bucket.name}/wrong"
    good = Sent(key, url, [b"first", b"second"])
    first, second, end = good.pieces
    other = bytes([good.pieces[0][-3] ^ 1])
    for body, code in (
        (first[:-3] + other + first[-2:] + second + end, "SignatureDoesNotMatch"),
        (second + first + end, "SignatureDoesNotMatch"),
        (first + end, "SignatureDoesNotMatch"),
        (first + second, "IncompleteBody"),
        (first + second + end + b"more", "IncompleteBody"),
        (first + second[:-4], "IncompleteBody"),
        (first.replace(b"\r\n", b"\n", 1) + second + end, "IncompleteBody"),
        (first[:-2] + b"xx" + second + end, "IncompleteBody"),
        (b"5\r\nfirst\r\n0\r\n\r\n", "IncompleteBody"),
        (b"ffffffff" + first[1:] + second + end, "IncompleteBody"),
        (b"x" * 300, "IncompleteBody"),
        (b"firstsecond", "IncompleteBody"),
    ):
        assert error_code(good.answer(body)) == code, body
    for size, code in ((10, "IncompleteBody"), (12, "IncompleteBody"), (-1, "MalformedSecurityHeader")):
        assert error_code(Sent(key, url, [b"first", b"second"], size).answer()) == code
    assert not bucket.blob("wrong").exists()
    assert good.answer().status_code == 200
