"""V2 signatures by HMAC keys, as boto, fog, s3fs and libcloud write them: in the header and in the query."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote, urlsplit

import pytest
import requests
from google.cloud import storage

from tests.emulator.signed import error_code, exactly
from tests.emulator.test_hmac import EMAIL, Key
from tests.servers import EmulatorUnderTest

Ask = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def key(emulator: EmulatorUnderTest) -> Key:
    metadata, secret = emulator.client.create_hmac_key(EMAIL, project_id="some-project")
    return Key(metadata.access_id, secret)


@pytest.fixture
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    bucket.blob("a b/ü").upload_from_string("there")
    return bucket


def signature(key: Key, *lines: str) -> str:
    """By the documents of both services: base64 of HMAC-SHA1 over the lines."""
    return base64.b64encode(hmac.new(key.secret.encode(), "\n".join(lines).encode(), hashlib.sha1).digest()).decode()


def headers(
    key: Key, word: str, method: str, resource: str, prefix: str = "", *, late: int = 0, **more: str
) -> Mapping[str, str]:
    """The headers of a signed request; with a prefix, the date is one of those that begin so."""
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=late), usegmt=True)
    dated = {f"{prefix}date": date}
    extensions = {name: value for name, value in {**more, **dated}.items() if name.startswith("x-")}
    first = (method, "", more.get("content-type", ""), "" if prefix else date)
    lines = [f"{name}:{value}" for name, value in sorted(extensions.items())]
    return {**more, **dated, "authorization": f"{word} {key.access_id}:{signature(key, *first, *lines, resource)}"}


@pytest.mark.parametrize(("word", "prefix"), [("GOOG1", "x-goog-"), ("AWS", "x-amz-")])
@pytest.mark.parametrize("dated", [True, False])
def test_a_signed_header(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key, word: str, prefix: str, dated: bool
) -> None:
    path = f"/{bucket.name}/new%20%2B"
    url, where = emulator.url + path, prefix if dated else ""
    sent = headers(
        key, word, "PUT", path, where, late=0, **{"content-type": "text/plain", f"{prefix}meta-note": "mine"}
    )
    assert exactly("PUT", url, sent, b"new").status_code == 200
    blob = bucket.get_blob("new +")
    assert blob is not None and (blob.metadata, blob.content_type) == ({"note": "mine"}, "text/plain")
    shown = exactly("GET", url, headers(key, word, "GET", path, where))
    assert (shown.content, shown.headers[f"{prefix}meta-note"]) == (b"new", "mine")
    place = f"{emulator.url}/{bucket.name}?prefix=new&delimiter=/"
    listed = exactly("GET", place, headers(key, word, "GET", f"/{bucket.name}", where))
    assert "<Key>new +</Key>" in listed.text  # what names no part of the bucket is not signed
    with_slash = headers(key, word, "GET", f"/{bucket.name}/", where)
    assert exactly("GET", place, with_slash).status_code == 200
    rights = f"/{bucket.name}?acl"
    assert exactly("GET", emulator.url + rights, headers(key, word, "GET", rights, where)).status_code == 200


def test_what_a_signed_header_refuses(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    path = f"/{bucket.name}/a%20b/%C3%BC"
    url, good = emulator.url + path, headers(key, "AWS", "GET", path)
    assert exactly("GET", url, good).content == b"there"
    bare = f"/{bucket.name}"
    for method, place, sent, code in (
        ("DELETE", url, good, "SignatureDoesNotMatch"),
        ("GET", url + "x", good, "SignatureDoesNotMatch"),
        ("GET", url + "?acl", good, "SignatureDoesNotMatch"),  # a part of the object must be signed
        ("PUT", url + "?retention", headers(key, "AWS", "PUT", path), "SignatureDoesNotMatch"),
        ("GET", url, headers(key, "AWS", "GET", path, late=16 * 60), "RequestTimeTooSkewed"),
        ("GET", url, headers(key, "AWS", "GET", path, late=-16 * 60), "RequestTimeTooSkewed"),
        ("GET", url, headers(Key(key.access_id, "A" * 40), "AWS", "GET", path), "SignatureDoesNotMatch"),
        ("GET", url, headers(Key("GOOG1E" + "A" * 55, key.secret), "AWS", "GET", path), "InvalidSecurity"),
        ("GET", url, {**good, "x-amz-meta-a": "b"}, "SignatureDoesNotMatch"),
        ("GET", url, {"authorization": good["authorization"]}, "MalformedSecurityHeader"),
        ("GET", url, {**good, "authorization": f"AWS {key.access_id}:***"}, "MalformedSecurityHeader"),
        ("GET", emulator.url + bare, good, "SignatureDoesNotMatch"),
    ):
        assert (error_code(exactly(method, place, sent)), method, place) == (code, method, place)


def test_headers_that_are_not_signed_mean_nothing(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key
) -> None:
    path = f"/{bucket.name}/unsigned"
    sent = {**headers(key, "AWS", "PUT", path), "x-goog-acl": "public-read", "x-goog-if-generation-match": "5"}
    assert exactly("PUT", emulator.url + path, sent, b"x").status_code == 200
    assert exactly("GET", emulator.url + path, {}).status_code == 403


@pytest.mark.parametrize("name", ["GoogleAccessId", "AWSAccessKeyId"])
def test_a_signed_link(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key, name: str) -> None:
    path, is_google = f"/{bucket.name}/a%20b/%C3%BC", name == "GoogleAccessId"

    def link(method: str = "GET", seconds: int = 60, part: str = "", more: str = "", who: Key = key) -> str:
        ends = str(int(time.time()) + seconds)
        written = quote(signature(who, method, "", "", ends, path + part), safe="")
        return f"{emulator.url}{path}?{more}{name}={who.access_id}&Expires={ends}&Signature={written}"

    assert exactly("GET", link(), {}).content == b"there"
    typed = link(part="?response-content-type=a/b", more="response-content-type=a%2Fb&")
    assert exactly("GET", typed, {}).headers["content-type"] == "a/b"
    for method, url, code in (
        ("DELETE", link(), "SignatureDoesNotMatch"),
        ("GET", link().replace("Expires=", "Expires=9"), "SignatureDoesNotMatch"),
        ("GET", link(seconds=-5), "ExpiredToken"),
        ("GET", link(more="response-content-type=a%2Fb&"), "SignatureDoesNotMatch"),
        ("GET", link() + f"&{name}=x", "MalformedSecurityHeader"),
        ("GET", link() + f"&{'AWSAccessKeyId' if is_google else 'GoogleAccessId'}=x", "MalformedSecurityHeader"),
        ("GET", link(who=Key("GOOG1E" + "A" * 55, key.secret)), "InvalidSecurity"),
        ("GET", link(who=Key("not-an-id", key.secret)), "SignatureDoesNotMatch" if is_google else "InvalidSecurity"),
    ):
        assert error_code(exactly(method, url, {})) == code, url


def test_a_bucket_named_by_its_host(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    sent = headers(key, "AWS", "GET", f"/{bucket.name}/a%20b/%C3%BC")
    host = f"{bucket.name}.localhost:{urlsplit(emulator.url).port}"
    assert exactly("GET", emulator.url + "/a%20b/%C3%BC", {**sent, "host": host}).content == b"there"
