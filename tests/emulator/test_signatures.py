"""Tests that forged signed URLs are refused with the right code, and that the same URLs unforged are accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from google.cloud import storage
from google.cloud.storage import _signing

from infra.emulator.signatures.keys import ensure_key
from tests.emulator.signed import Signed, error_code, signed_upload
from tests.servers import ACCOUNT, EmulatorUnderTest, credentials_of, running_emulator


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorUnderTest) -> storage.Bucket:
    bucket = emulator.bucket()
    bucket.blob("there.txt").upload_from_string("there")
    return bucket


@pytest.fixture(scope="module")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that the emulator does not know, of an account that it does."""
    return ensure_key(tmp_path_factory.mktemp("keys") / "other.json", ACCOUNT)


def parameter(name: str, value: str) -> Callable[[Signed], Signed]:
    """Another value for one parameter of the query, written as given."""

    def change(signed: Signed) -> Signed:
        url, count = re.subn(rf"(?<=[?&]){name}=[^&]*", lambda _: f"{name}={value}", signed.url)
        assert count == 1
        return replace(signed, url=url)

    return change


def text(old: str, new: str) -> Callable[[Signed], Signed]:
    """Another text in the URL."""

    def change(signed: Signed) -> Signed:
        assert old in signed.url
        return replace(signed, url=signed.url.replace(old, new, 1))

    return change


def add(query: str) -> Callable[[Signed], Signed]:
    return lambda signed: replace(signed, url=f"{signed.url}&{query}")


def drop(name: str) -> Callable[[Signed], Signed]:
    return lambda signed: replace(signed, url=re.sub(rf"&?(?<=[?&]){name}=[^&]*", "", signed.url))


def header(name: str, value: str | None) -> Callable[[Signed], Signed]:
    def change(signed: Signed) -> Signed:
        kept = {key: old for key, old in signed.headers.items() if key != name}
        return replace(signed, headers=kept if value is None else {**kept, name: value})

    return change


def method(name: str) -> Callable[[Signed], Signed]:
    return lambda signed: replace(signed, method=name)


def flip_last(signed: Signed) -> Signed:
    return replace(signed, url=signed.url[:-1] + ("0" if signed.url[-1] != "0" else "1"))


def flip_first(signed: Signed) -> Signed:
    return text("X-Goog-Signature=" + (digit := signed.url.split("X-Goog-Signature=")[1][0]),
                "X-Goog-Signature=" + ("0" if digit != "0" else "1"))(signed)  # fmt: skip


def unsigned(signed: Signed) -> Signed:
    return replace(signed, url=signed.url.split("?")[0])


FORGED: list[tuple[str, Callable[[Signed], Signed], int, str]] = [
    # what is forged, how, status, code
    ("no signature at all", unsigned, 403, "AccessDenied"),
    ("only another parameter", lambda s: replace(s, url=unsigned(s).url + "?a=b"), 403, "AccessDenied"),
    ("last digit of the signature", flip_last, 403, "SignatureDoesNotMatch"),
    ("first digit of the signature", flip_first, 403, "SignatureDoesNotMatch"),
    ("signature of zeros", parameter("X-Goog-Signature", "00" * 256), 403, "SignatureDoesNotMatch"),
    ("half a signature", lambda s: replace(s, url=s.url[:-256]), 403, "SignatureDoesNotMatch"),
    ("signature that is not hex", parameter("X-Goog-Signature", "zz"), 400, "MalformedSecurityHeader"),
    ("odd number of digits", lambda s: replace(s, url=s.url[:-1]), 400, "MalformedSecurityHeader"),
    ("empty signature", parameter("X-Goog-Signature", ""), 400, "MalformedSecurityHeader"),
    ("no signature parameter", drop("X-Goog-Signature"), 400, "MalformedSecurityHeader"),
    ("no algorithm", drop("X-Goog-Algorithm"), 400, "MalformedSecurityHeader"),
    ("no credential", drop("X-Goog-Credential"), 400, "MalformedSecurityHeader"),
    ("no date", drop("X-Goog-Date"), 400, "MalformedSecurityHeader"),
    ("no expiry", drop("X-Goog-Expires"), 400, "MalformedSecurityHeader"),
    ("no list of headers", drop("X-Goog-SignedHeaders"), 400, "MalformedSecurityHeader"),
    ("doubled expiry", add("X-Goog-Expires=604800"), 400, "MalformedSecurityHeader"),
    ("doubled expiry in another case", add("x-goog-expires=604800"), 400, "MalformedSecurityHeader"),
    ("doubled signature", add("X-Goog-Signature=00"), 400, "MalformedSecurityHeader"),
    ("doubled algorithm", add("X-Goog-Algorithm=GOOG4-RSA-SHA256"), 400, "MalformedSecurityHeader"),
    ("another algorithm", parameter("X-Goog-Algorithm", "GOOG4-HMAC-SHA256"), 400, "MalformedSecurityHeader"),
    ("algorithm none", parameter("X-Goog-Algorithm", "none"), 400, "MalformedSecurityHeader"),
    ("longer expiry", parameter("X-Goog-Expires", "601"), 403, "SignatureDoesNotMatch"),
    ("expiry of eight days", parameter("X-Goog-Expires", "691200"), 400, "MalformedSecurityHeader"),
    ("expiry one second over seven days", parameter("X-Goog-Expires", "604801"), 400, "MalformedSecurityHeader"),
    ("expiry zero", parameter("X-Goog-Expires", "0"), 400, "MalformedSecurityHeader"),
    ("negative expiry", parameter("X-Goog-Expires", "-600"), 400, "MalformedSecurityHeader"),
    ("expiry that is no number", parameter("X-Goog-Expires", "6e2"), 400, "MalformedSecurityHeader"),
    ("date that is none", parameter("X-Goog-Date", "yesterday"), 400, "MalformedSecurityHeader"),
    ("thirteenth month", parameter("X-Goog-Date", "20261322T000000Z"), 400, "MalformedSecurityHeader"),
    ("scope of another day", text("%2Fauto", "1%2Fauto"), 400, "MalformedSecurityHeader"),
    ("scope of another service", text("%2Fstorage%2F", "%2Fcompute%2F"), 400, "MalformedSecurityHeader"),
    ("scope of another request", text("goog4_request", "aws4_request"), 400, "MalformedSecurityHeader"),
    ("another region", text("%2Fauto%2F", "%2Feurope-west1%2F"), 403, "SignatureDoesNotMatch"),
    ("another account", text("=tests%40", "=admin%40"), 403, "SignatureDoesNotMatch"),
    ("no account", text("=tests%40local.iam.gserviceaccount.com", "="), 400, "MalformedSecurityHeader"),
    ("host not signed", text("content-type%3Bhost%3B", "content-type%3B"), 400, "MalformedSecurityHeader"),
    ("header list with one more", text("%3Bhost%3B", "%3Bdate%3Bhost%3B"), 400, "MalformedSecurityHeader"),
    ("header list in another order", text("content-type%3Bhost", "host%3Bcontent-type"), 403, "SignatureDoesNotMatch"),
    ("signed range header not listed", text("x-goog-content-length-range%3B", ""), 400, "MalformedSecurityHeader"),
    ("another object", text("honest.zip", "forged.zip"), 403, "SignatureDoesNotMatch"),
    ("object below it", text("honest.zip", "honest.zip/x"), 403, "SignatureDoesNotMatch"),
    ("object encoded twice", text("honest.zip", "honest%252Ezip"), 403, "SignatureDoesNotMatch"),
    ("another bucket", text("/test-", "/best-"), 403, "SignatureDoesNotMatch"),
    ("one more parameter", add("generation=1"), 403, "SignatureDoesNotMatch"),
    ("one more disposition", add("response-content-disposition=inline"), 403, "SignatureDoesNotMatch"),
    ("GET with a PUT link", method("GET"), 403, "SignatureDoesNotMatch"),
    ("HEAD with a PUT link", method("HEAD"), 403, ""),
    ("DELETE with a PUT link", method("DELETE"), 403, "SignatureDoesNotMatch"),
    ("POST with a PUT link", method("POST"), 403, "SignatureDoesNotMatch"),
    ("another content type", header("content-type", "text/html"), 403, "SignatureDoesNotMatch"),
    ("no content type", header("content-type", None), 400, "MalformedSecurityHeader"),
    ("a wider range", header("x-goog-content-length-range", "1,10000"), 403, "SignatureDoesNotMatch"),
    ("no range", header("x-goog-content-length-range", None), 400, "MalformedSecurityHeader"),
    ("another precondition", header("x-goog-if-generation-match", "1"), 403, "SignatureDoesNotMatch"),
    ("no precondition", header("x-goog-if-generation-match", None), 400, "MalformedSecurityHeader"),
    ("metadata that was not signed", header("x-goog-meta-owner", "me"), 400, "MalformedSecurityHeader"),
    ("another host", header("host", "storage.googleapis.com"), 403, "SignatureDoesNotMatch"),
    ("a host of others", header("host", "example.org"), 403, "AccessDenied"),
]  # fmt: skip


@pytest.mark.parametrize(("forge", "status", "code"), [pytest.param(*row[1:], id=row[0]) for row in FORGED])
def test_forged_is_refused_and_honest_accepted(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, forge: Callable[[Signed], Signed], status: int, code: str
) -> None:
    blob = bucket.blob("honest.zip")
    honest = signed_upload(emulator, bucket, "honest.zip")
    forged = forge(honest)
    assert forged != honest
    answer = forged.send()
    assert (answer.status_code, error_code(answer)) == (status, code)
    assert not blob.exists()
    assert honest.send().status_code == 200
    blob.delete()


def test_a_wrong_signature_shows_what_should_have_been_signed(
    emulator: EmulatorUnderTest, bucket: storage.Bucket
) -> None:
    answer = header("content-type", "text/html")(signed_upload(emulator, bucket, "shown.zip")).send()
    error = ElementTree.fromstring(answer.content)  # noqa: S314 - our own server's answer
    canonical = (error.findtext("CanonicalRequest") or "").split("\n")
    assert canonical[:2] == ["PUT", f"/{bucket.name}/shown.zip"]
    assert canonical[3:5] == ["content-type:text/html", f"host:{emulator.url.removeprefix('http://')}"]
    assert canonical[-1] == "UNSIGNED-PAYLOAD"
    assert (error.findtext("StringToSign") or "").startswith("GOOG4-RSA-SHA256\n")


def test_malformed_names_its_parameter(emulator: EmulatorUnderTest, bucket: storage.Bucket) -> None:
    answer = parameter("X-Goog-Expires", "0")(signed_upload(emulator, bucket, "named.zip")).send()
    assert ElementTree.fromstring(answer.content).findtext("ParameterName") == "X-Goog-Expires"  # noqa: S314


def test_another_key_of_a_known_account_is_refused(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, other_key: Path
) -> None:
    forged = signed_upload(emulator, bucket, "key.zip", key=other_key)
    assert error_code(forged.send()) == "SignatureDoesNotMatch"
    assert signed_upload(emulator, bucket, "key.zip").send().status_code == 200


def test_each_given_key_counts(tmp_path: Path, emulator: EmulatorUnderTest, other_key: Path) -> None:
    with running_emulator(tmp_path / "data", emulator.key, "--service-account", str(other_key)) as both:
        bucket = both.bucket()
        assert signed_upload(both, bucket, "first.zip").send().status_code == 200
        assert signed_upload(both, bucket, "second.zip", key=other_key).send().status_code == 200


@pytest.mark.parametrize(
    ("seconds_ago", "lifetime", "status", "code"),
    [
        (0, 60, 200, ""),
        (60, 61 + 60, 200, ""),
        (60, 59, 400, "ExpiredToken"),
        (7 * 86400 + 60, 604800, 400, "ExpiredToken"),
        (-14 * 60, 600, 200, ""),  # a client whose clock is ahead
        (-16 * 60, 600, 403, "RequestTimeTooSkewed"),
    ],
)
def test_a_link_counts_for_its_time_only(
    emulator: EmulatorUnderTest, bucket: storage.Bucket, seconds_ago: int, lifetime: int, status: int, code: str
) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    url = signed_at(emulator, f"/{bucket.name}/there.txt", moment, expiration=lifetime)
    answer = Signed(url, "GET", {}, b"").send()
    assert (answer.status_code, error_code(answer)) == (status, code)


def signed_at(emulator: EmulatorUnderTest, resource: str, moment: datetime, expiration: int) -> str:
    """Signed as if at another time, by the real client's own code."""
    credentials = credentials_of(emulator.key)
    return str(
        _signing.generate_signed_url_v4(
            credentials,
            resource=quote(resource),
            expiration=expiration,
            api_access_endpoint=emulator.url,
            method="GET",
            _request_timestamp=moment.strftime("%Y%m%dT%H%M%SZ"),
        )
    )
