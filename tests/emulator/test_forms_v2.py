"""Forms whose policies are signed in the older way, and in Amazon's words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import requests
from google.cloud import storage

from infra.emulator.signatures.keys import load_key
from tests.emulator.signed import error_code
from tests.emulator.test_hmac import AMAZON, EMAIL, GOOGLE, Key, hashed
from tests.servers import EmulatorUnderTest


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    return emulator.bucket()


@pytest.fixture(scope="module")
def key(emulator: EmulatorUnderTest) -> Key:
    metadata, secret = emulator.client.create_hmac_key(EMAIL, project_id="some-project")
    return Key(metadata.access_id, secret)


def policy(*conditions: object) -> str:
    ends = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    return base64.b64encode(json.dumps({"expiration": ends, "conditions": conditions}).encode()).decode()


def post(emulator: EmulatorUnderTest, place: str, fields: Mapping[str, str]) -> requests.Response:
    return requests.post(f"{emulator.url}/{place}", data=fields, files={"file": b"content"}, timeout=10)


def by_hmac(key: Key, text: str) -> str:
    return base64.b64encode(hmac.digest(key.secret.encode(), text.encode(), "sha1")).decode()


def by_rsa(emulator: EmulatorUnderTest, text: str) -> tuple[str, str]:
    signer = load_key(emulator.key)
    return signer.email, base64.b64encode(signer.sign(text.encode())).decode()


@pytest.mark.parametrize("named", ["url", "field", "key"])
def test_a_form_of_the_older_kind(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key, named: str) -> None:
    name = f"{bucket.name}/older {named}" if named == "key" else f"older {named}"
    more = {"bucket": bucket.name} if named == "field" else {}
    place = bucket.name if named == "url" else ""
    text = policy(["starts-with", "$key", ""], {"content-type": "text/x"}, *({one: more[one]} for one in more))
    fields = {"key": name, "content-type": "text/x", "policy": text, **more}
    email, signature = by_rsa(emulator, text)
    for account, signed in (
        ({"GoogleAccessId": email}, signature),
        ({"GoogleAccessId": key.access_id}, by_hmac(key, text)),
        ({"AWSAccessKeyId": key.access_id}, by_hmac(key, text)),
    ):
        assert post(emulator, place, {**fields, **account, "signature": signed}).status_code == 204
        blob = bucket.get_blob(f"older {named}")
        assert blob is not None and (blob.download_as_bytes(), blob.content_type) == (b"content", "text/x")
        blob.delete()


def test_what_a_form_of_the_older_kind_refuses(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    text = policy(["starts-with", "$key", "a/"])
    fields = {"key": "a/b", "policy": text, "AWSAccessKeyId": key.access_id, "signature": by_hmac(key, text)}
    other = policy(["starts-with", "$key", ""])
    for changed, code in (
        ({"policy": other}, "SignatureDoesNotMatch"),
        ({"signature": by_hmac(Key(key.access_id, "A" * 40), text)}, "SignatureDoesNotMatch"),
        ({"signature": by_rsa(emulator, text)[1]}, "SignatureDoesNotMatch"),
        ({"signature": "***"}, "MalformedSecurityHeader"),
        ({"AWSAccessKeyId": "GOOG1E" + "A" * 55}, "InvalidSecurity"),
        ({"GoogleAccessId": key.access_id}, "MalformedSecurityHeader"),  # two accounts
        ({"key": "b"}, "InvalidPolicyDocument"),
        ({"bucket": "another-bucket"}, "InvalidPolicyDocument"),
        ({"acl": "public-read"}, "InvalidPolicyDocument"),
    ):
        assert error_code(post(emulator, bucket.name, {**fields, **changed})) == code, changed
    unsigned = {name: value for name, value in fields.items() if name != "signature"}
    assert error_code(post(emulator, bucket.name, unsigned)) == "MalformedSecurityHeader"
    assert list(bucket.list_blobs(prefix="a/")) == []
    assert post(emulator, bucket.name, fields).status_code == 204


def test_a_form_in_amazon_s_words(emulator: EmulatorUnderTest, bucket: storage.Bucket, key: Key) -> None:
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{date[:8]}/auto/{AMAZON.scope}"
    fields = {
        "key": "amazon's", "x-amz-algorithm": AMAZON.algorithm, "x-amz-date": date,
        "x-amz-credential": f"{key.access_id}/{scope}", "x-amz-meta-note": "mine",
    }  # fmt: skip
    text = policy({"bucket": bucket.name}, *({name: value} for name, value in fields.items()))
    signing = ("AWS4" + key.secret).encode()
    for part in scope.split("/"):
        signing = hashed(signing, part)
    signed = {**fields, "policy": text, "x-amz-signature": hashed(signing, text).hex()}
    for changed, code in (
        ({"x-amz-signature": hashlib.sha256(b"").hexdigest()}, "SignatureDoesNotMatch"),
        ({"x-amz-meta-note": "yours"}, "InvalidPolicyDocument"),
        ({"x-amz-algorithm": GOOGLE.algorithm}, "MalformedSecurityHeader"),
    ):
        assert error_code(post(emulator, bucket.name, {**signed, **changed})) == code
    assert post(emulator, bucket.name, signed).status_code == 204
    blob = bucket.get_blob("amazon's")
    assert blob is not None and blob.metadata == {"note": "mine"}
