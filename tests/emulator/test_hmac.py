"""Tests HMAC keys by the real client, and requests that they sign in Google's words and in Amazon's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest
import requests
from google.api_core.exceptions import BadRequest, NotFound
from google.cloud import storage
from google.cloud.storage.hmac_key import HMACKeyMetadata

from tests.emulator.signed import error_code, exactly
from tests.servers import EmulatorUnderTest

EMAIL = "robot@some-project.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Key:
    access_id: str
    secret: str


@pytest.fixture(scope="module")
def key(emulator: EmulatorUnderTest) -> Key:
    metadata, secret = emulator.client.create_hmac_key(EMAIL, project_id="some-project")
    return Key(metadata.access_id, secret)


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    bucket.blob("a b/ü").upload_from_string("there")
    return bucket


def test_the_life_of_a_key(emulator: EmulatorUnderTest) -> None:
    client, project = emulator.client, "key-project"
    metadata, secret = client.create_hmac_key(EMAIL, project_id=project)
    assert (len(secret), len(metadata.access_id), metadata.state) == (40, 61, "ACTIVE")
    assert [one.access_id for one in client.list_hmac_keys(project_id=project)] == [metadata.access_id]
    assert list(client.list_hmac_keys(project_id=project, service_account_email="other@example.org")) == []
    assert list(client.list_hmac_keys(project_id="another-project")) == []
    again = client.get_hmac_key_metadata(metadata.access_id, project_id=project)
    assert again._properties == metadata._properties
    assert secret not in json.dumps(again._properties)
    with pytest.raises(BadRequest):
        metadata.delete()  # it is still active
    metadata.state = HMACKeyMetadata.INACTIVE_STATE
    metadata.update()
    stale = {"state": "ACTIVE", "etag": again.etag}
    assert requests.put(emulator.url + "/storage/v1" + again.path, json=stale, timeout=10).status_code == 412
    metadata.delete()
    assert list(client.list_hmac_keys(project_id=project)) == []
    shown = client.list_hmac_keys(project_id=project, show_deleted_keys=True)
    assert [one.state for one in shown] == ["DELETED"]
    for gone in (metadata.update, metadata.delete):
        with pytest.raises(NotFound):
            gone()
    missing = HMACKeyMetadata(client, access_id="GOOG1NONE", project_id=project)
    assert not missing.exists()


def test_keys_are_listed_in_pages(emulator: EmulatorUnderTest) -> None:
    made = {emulator.client.create_hmac_key(EMAIL, project_id="paged-project")[0].access_id for _ in range(3)}
    url, token, found = f"{emulator.url}/storage/v1/projects/paged-project/hmacKeys", "", set()
    for expected in (2, 1):
        page = requests.get(url, params={"maxResults": "2", "pageToken": token}, timeout=10).json()
        found |= {item["accessId"] for item in page["items"]}
        token = page.get("nextPageToken", "")
        assert len(page["items"]) == expected
    assert (found, token) == (made, "")


def hashed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclass(frozen=True)
class Words:
    """The words in which a signature is written."""

    algorithm: str
    start: str
    scope: str
    prefix: str
    region: str = "auto"

    def signature(self, key: Key, date: str, canonical: str) -> str:
        """By the documents of both services, written out by hand."""
        scope = f"{date[:8]}/{self.region}/{self.scope}"
        text = f"{self.algorithm}\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signing = (self.start + key.secret).encode()
        for part in scope.split("/"):
            signing = hashed(signing, part)
        return hashed(signing, text).hex()


GOOGLE = Words("GOOG4-HMAC-SHA256", "GOOG4", "storage/goog4_request", "x-goog-")
AMAZON = Words("AWS4-HMAC-SHA256", "AWS4", "s3/aws4_request", "x-amz-")


def link(words: Words, key: Key, url: str, method: str = "GET", late: int = 0) -> str:
    """A signed URL of 60 seconds."""
    date = (datetime.now(UTC) - timedelta(seconds=late)).strftime("%Y%m%dT%H%M%SZ")
    start = words.prefix.title()
    scope = f"{date[:8]}/{words.region}/{words.scope}"
    values = {
        f"{start}Algorithm": words.algorithm, f"{start}Credential": f"{key.access_id}/{scope}",
        f"{start}Date": date, f"{start}Expires": "60", f"{start}SignedHeaders": "host",
    }  # fmt: skip
    query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in sorted(values.items()))
    parts = urlsplit(url)
    canonical = f"{method}\n{parts.path}\n{query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    return f"{url}?{query}&{start}Signature={words.signature(key, date, canonical)}"


def signed_headers(words: Words, key: Key, url: str, method: str, body: bytes, **more: str) -> Mapping[str, str]:
    """Headers that sign a request with its content."""
    date, parts = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"), urlsplit(url)
    payload = hashlib.sha256(body).hexdigest()
    headers = {
        "host": parts.netloc, f"{words.prefix}date": date, f"{words.prefix}content-sha256": payload,
        **{f"{words.prefix}{name}": value for name, value in more.items()},
    }  # fmt: skip
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    signature = words.signature(key, date, f"{method}\n{parts.path}\n{parts.query}\n{lines}\n{names}\n{payload}")
    scope = f"{key.access_id}/{date[:8]}/{words.region}/{words.scope}"
    value = f"{words.algorithm} Credential={scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": value}


IN_US = Words("AWS4-HMAC-SHA256", "AWS4", "s3/aws4_request", "x-amz-", "US")  # minio asks where the bucket is
NOWHERE = Words("AWS4-HMAC-SHA256", "AWS4", "s3/aws4_request", "x-amz-", "")  # DuckDB names no region


@pytest.mark.parametrize("words", [GOOGLE, AMAZON, IN_US, NOWHERE])
def test_a_signed_link(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key, words: Words) -> None:
    url = f"{emulator.url}/{bucket.name}/a%20b/%C3%BC"
    honest = link(words, key, url)
    assert exactly("GET", honest, {}).content == b"there"
    forged = {
        exactly("DELETE", honest, {}).status_code,
        exactly("GET", honest[:-2] + ("00" if honest[-2:] != "00" else "11"), {}).status_code,
        exactly("GET", honest.replace("%C3%BC", "%C3%BD"), {}).status_code,
        exactly("GET", honest.replace("Expires=60", "Expires=61"), {}).status_code,
        exactly("GET", link(words, Key(key.access_id, "A" * 40), url), {}).status_code,
    }
    assert forged == {403}
    assert error_code(exactly("GET", link(words, key, url, late=61), {})) == "ExpiredToken"
    assert error_code(exactly("GET", link(words, Key("GOOG1E" + "A" * 55, key.secret), url), {})) == "InvalidSecurity"
    assert (
        error_code(exactly("GET", link(words, Key("me@example.org", key.secret), url), {})) == "MalformedSecurityHeader"
    )


@pytest.mark.parametrize("words", [GOOGLE, AMAZON], ids=["google", "amazon"])
def test_a_signed_header_with_a_content(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key, words: Words
) -> None:
    url = f"{emulator.url}/{bucket.name}/put"
    headers = signed_headers(words, key, url, "PUT", b"content", **{"meta-note": "mine"})
    assert exactly("PUT", url, headers, b"other").status_code == 400  # the content is signed too
    assert exactly("PUT", url, {**headers, f"{words.prefix}acl": "public-read"}, b"content").status_code == 400
    assert exactly("PUT", url, headers, b"content").status_code == 200
    blob = bucket.get_blob("put")
    assert blob is not None and (blob.metadata, blob.download_as_bytes()) == ({"note": "mine"}, b"content")
    shown = exactly("GET", url, signed_headers(words, key, url, "GET", b""))
    assert shown.headers[f"{words.prefix}meta-note"] == "mine"


@pytest.mark.parametrize(
    ("algorithm", "credential"),
    [("AWS4-HMAC-SHA256", "x-goog-"), ("GOOG4-HMAC-SHA256", "x-amz-"), ("GOOG5", "x-goog-")],
)
def test_words_that_do_not_belong_together(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key, algorithm: str, credential: str
) -> None:
    words = Words(algorithm, algorithm[:5], GOOGLE.scope, credential)
    answer = exactly("GET", link(words, key, f"{emulator.url}/{bucket.name}/put"), {})
    assert (answer.status_code, error_code(answer)) == (400, "MalformedSecurityHeader")


def test_an_inactive_key_signs_nothing(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    metadata, secret = emulator.client.create_hmac_key(EMAIL, project_id="some-project")
    url = link(GOOGLE, Key(metadata.access_id, secret), f"{emulator.url}/{bucket.name}/a%20b/%C3%BC")
    assert exactly("GET", url, {}).status_code == 200
    metadata.state = HMACKeyMetadata.INACTIVE_STATE
    metadata.update()
    assert error_code(exactly("GET", url, {})) == "InvalidSecurity"
    metadata.state = HMACKeyMetadata.ACTIVE_STATE
    metadata.update()
    assert exactly("GET", url, {}).status_code == 200


def test_a_form_that_an_hmac_key_signs(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    fields = {
        "key": "by-form", "x-goog-algorithm": GOOGLE.algorithm, "x-goog-date": date,
        "x-goog-credential": f"{key.access_id}/{date[:8]}/auto/{GOOGLE.scope}",
    }  # fmt: skip
    ends = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    policy = {"expiration": ends, "conditions": [{"bucket": bucket.name}, *({k: v} for k, v in fields.items())]}
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    signing = (GOOGLE.start + key.secret).encode()
    for part in fields["x-goog-credential"].split("/")[1:]:
        signing = hashed(signing, part)
    for signature, status in ((hashed(signing, text).hex(), 204), ("00" * 32, 403)):
        sent = {**fields, "policy": text, "x-goog-signature": signature}
        answer = requests.post(f"{emulator.url}/{bucket.name}", data=sent, files={"file": b"content"}, timeout=10)
        assert answer.status_code == status
    assert bucket.blob("by-form").download_as_bytes() == b"content"


def test_what_amazon_s_clients_may_not_send(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    url = f"{emulator.url}/{bucket.name}/pieces"
    begun = exactly("POST", url + "?uploads=", signed_headers(AMAZON, key, url + "?uploads=", "POST", b""))
    upload = begun.text.partition("<UploadId>")[2].partition("<")[0]
    part = f"{url}?partNumber=1&uploadId={upload}"
    source = {"copy-source": f"{bucket.name}/put"}
    assert exactly("PUT", part, signed_headers(AMAZON, key, part, "PUT", b"", **source)).status_code == 501
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kind = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    headers = {"host": urlsplit(url).netloc, "x-amz-content-sha256": kind, "x-amz-date": date}
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"PUT\n{urlsplit(url).path}\n\n{lines}\n{';'.join(headers)}\n{kind}"
    scope = f"{key.access_id}/{date[:8]}/auto/{AMAZON.scope}"
    signature = AMAZON.signature(key, date, canonical)
    value = f"{AMAZON.algorithm} Credential={scope}, SignedHeaders={';'.join(headers)}, Signature={signature}"
    answer = exactly("PUT", url, {**headers, "authorization": value}, b"1\r\nx\r\n0\r\n\r\n")
    assert (answer.status_code, "when_required" in answer.text) == (501, True)
    assert not bucket.blob("pieces").exists()
