"""Tests that every change to a signed request is refused: character by character, part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

import pytest

from infra.emulator.protocol.errors import ApiError
from infra.emulator.protocol.messages import Receive, Request
from infra.emulator.signatures.keys import ServiceKey, ensure_key, load_key
from infra.emulator.signatures.v4 import Verifier

MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DATE = "20260504T030201Z"
HOST = "storage.example.org"
HEADERS = {"content-type": "text/plain", "x-goog-meta-note": "two   words ", "x-note": "ü"}
REFUSED = {"SignatureDoesNotMatch", "MalformedSecurityHeader", "ExpiredToken", "RequestTimeTooSkewed"}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ServiceKey:
    return load_key(ensure_key(tmp_path_factory.mktemp("key") / "key.json", "signer@local.iam.gserviceaccount.com"))


def signed(key: ServiceKey, path: str = "/bucket/a%20b/%C3%A9", more: str = "x") -> str:
    """The query of a signed request, written out as the service documents it."""
    names = sorted([*HEADERS, "host"])
    scope = f"{DATE[:8]}/auto/storage/goog4_request"
    values = {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256", "X-Goog-Credential": f"{key.email}/{scope}", "X-Goog-Date": DATE,
        "X-Goog-Expires": "600", "X-Goog-SignedHeaders": ";".join(names), "prefix": "~._-%=/é0Aa", "aA0é/=%-_.~": more,
    }  # fmt: skip
    query = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(values.items()))
    headers = "".join(f"{name}:{' '.join(({'host': HOST} | HEADERS)[name].split())}\n" for name in names)
    canonical = f"PUT\n{path}\n{query}\n{headers}\n{';'.join(names)}\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"GOOG4-RSA-SHA256\n{DATE}\n{scope}\n{digest}"
    return f"{query}&X-Goog-Signature={key.sign(text.encode()).hex()}"


async def nothing() -> dict[str, object]:
    return {"type": "http.disconnect"}


def verify(key: ServiceKey, path: str, query: str, method: str = "PUT", **changed: str) -> None:
    receive: Receive = nothing
    headers = [(name.encode(), value.encode()) for name, value in ({"host": HOST} | HEADERS | changed).items()]
    scope = {"method": method, "raw_path": path.encode(), "query_string": query.encode(), "headers": headers}
    Verifier([key], (), lambda: MOMENT + timedelta(seconds=1)).verify_query(Request(scope, receive))


def code(call: partial[None]) -> str:
    try:
        call()
    except ApiError as error:
        return error.kind.code
    return "accepted"


def others(text: str) -> Iterator[str]:
    """The text with one character changed, for each of its characters; never only its case."""
    for at, character in enumerate(text):
        yield text[:at] + ("1" if character in "0%" else "0") + text[at + 1 :]
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]


def test_the_honest_one_is_accepted(key: ServiceKey) -> None:
    assert code(partial(verify, key, "/bucket/a%20b/%C3%A9", signed(key))) == "accepted"


def test_every_changed_or_missing_character_is_refused(key: ServiceKey) -> None:
    path, query = "/bucket/a%20b/%C3%A9", signed(key)
    start = query.index("X-Goog-Signature=") + 64  # the rest of the signature is like its beginning
    paths = [(changed, query) for changed in others(path)]
    queries = [(path, changed + query[start:]) for changed in others(query[:start]) if changed + query[start:] != query]
    found = {code(partial(verify, key, *pair)) for pair in paths + queries}
    assert len(paths + queries) > 700
    assert found <= REFUSED and "SignatureDoesNotMatch" in found


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "put", "PATCH"])
def test_another_method_is_refused(key: ServiceKey, method: str) -> None:
    assert code(partial(verify, key, "/bucket/a%20b/%C3%A9", signed(key), method)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x-goog-meta-note", "two words", "accepted"),  # spaces count as one, as the service has it
        ("x-goog-meta-note", "\ttwo\t words", "accepted"),
        ("x-goog-meta-note", "twowords", "SignatureDoesNotMatch"),
        ("content-type", "text/html", "SignatureDoesNotMatch"),
        ("content-type", "text/plain; charset=utf-8", "SignatureDoesNotMatch"),
        ("x-note", "u", "SignatureDoesNotMatch"),
        ("host", "other.example.org", "SignatureDoesNotMatch"),
        ("host", HOST.upper() + ":443", "accepted"),  # clients sign it with the port or without
        ("accept", "anything", "accepted"),  # not signed, and not the service's own
        ("x-goog-acl", "public-read", "MalformedSecurityHeader"),
    ],
)
def test_headers(key: ServiceKey, name: str, value: str, expected: str) -> None:
    assert code(partial(verify, key, "/bucket/a%20b/%C3%A9", signed(key), "PUT", **{name: value})) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/bucket/a%20b/%c3%a9", "accepted"),  # the same path in other letters
        ("/buck%65t/a%20b/%C3%A9", "accepted"),
        ("/bucket%2Fa%20b/%C3%A9", "accepted"),  # decoded once, then encoded
        ("/bucket/a%2520b/%C3%A9", "SignatureDoesNotMatch"),  # not twice
        ("/bucket//a%20b/%C3%A9", "SignatureDoesNotMatch"),
        ("/bucket/./a%20b/%C3%A9", "SignatureDoesNotMatch"),
        ("/bucket/a+b/%C3%A9", "SignatureDoesNotMatch"),
        ("/bucket/a%20b/%C3", "SignatureDoesNotMatch"),  # no UTF-8
    ],
)
def test_paths(key: ServiceKey, written: str, expected: str) -> None:
    assert code(partial(verify, key, written, signed(key))) == expected
