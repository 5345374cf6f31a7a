"""Tests that no request, however wrong, is answered by 500: values of every wrong kind, in every place."""

from __future__ import annotations

import http.client
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import pytest

from infra.emulator.json_api.routes import _STORAGE
from tests.servers import EmulatorUnderTest, running_emulator

T = TypeVar("T")
FEW, MANY = 2000, 15_000  # requests
REFUSED_ON_PURPOSE = (501, 503)  # what is not implemented, and chunks that leave a gap
TEXTS = [
    "", "0", "1", "-1", "²", "1e9", "9" * 18, "9" * 19, "9" * 5000, "a", "a" * 3000, "true", "null", "\x00", "\n", "%",
    "..", "/", "//", "a/b", "é", "😀", "{" * 500, "a(" * 2000, "[", "{a,", "*" * 200, "2026-01-01",
    "2026-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-14:00", "allUsers", "bytes 0-9/10", "bytes=-" + "9" * 30, 
    "STANDARD", "djE5OS9h", "djLCsi9h",
]  # fmt: skip
# What parameters mean, so that some requests come as far as their answers.
WORDS = [
    "full", "noAcl", "media", "multipart", "resumable", "there", "1", "2", "url", "publicRead", "private", "t",
    "project-private", "public-read", "some-project", "name,size", "items(name)", "COPY", "REPLACE", "Suspended",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 10**30, [], [[]], [None], [1], {}, {"": {}}, {"a": None}, {"a": ["b"]}, *TEXTS,
]  # fmt: skip
FIELDS = [
    "name", "acl", "cors", "labels", "lifecycle", "versioning", "website", "logging", "billing", "location", "metadata",
    "storageClass", "retentionPolicy", "retention", "softDeletePolicy", "iamConfiguration", "autoclass", "encryption",
    "defaultObjectAcl", "customTime", "contexts", "contentType", "contentEncoding", "md5Hash", "crc32c", "bindings",
    "version", "etag", "role", "entity", "sourceObjects", "destination", "topic", "state", "temporaryHold", "rule",
    "rpo", "customPlacementConfig", "hierarchicalNamespace", "objectRetention", "payload", "deleteSourceObjects",
]  # fmt: skip
INNER = [
    "enabled", "rule", "action", "type", "condition", "age", "mode", "retainUntilTime", "retentionPeriod", "isLocked",
    "retentionDurationSeconds", "uniformBucketLevelAccess", "publicAccessPrevention", "origin", "method", "custom",
    "responseHeader", "maxAgeSeconds", "defaultKmsKeyName", "restrictionMode", "storageClass", "name", "generation",
    "objectPreconditions", "members", "role", "condition", "value", "a", "createdBefore", "matchesPrefix", "isLive",
]  # fmt: skip
PARAMETERS = [
    "generation", "ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "projection", "fields",
    "prefix", "delimiter", "maxResults", "pageToken", "matchGlob", "filter", "versions", "softDeleted", "startOffset",
    "alt", "endOffset", "uploadType", "name", "upload_id", "predefinedAcl", "rewriteToken",
    "maxBytesRewrittenPerCall",
    "sourceGeneration", "project", "serviceAccountEmail", "uploads", "uploadId", "partNumber", "acl", "list-type",
    "continuation-token", "marker", "max-keys", "encoding-type", "compose", "delete", "retention", "tagging",
    "max-parts", "X-Goog-Signature", "X-Amz-Date", "Expires", "response-content-type", "copySourceAcl",
    "versionId", "permissions",
]  # fmt: skip
HEADERS = [
    "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "content-range", "content-type",
    "x-goog-if-generation-match", "x-goog-hash", "content-md5", "x-goog-content-length-range", "x-goog-copy-source",
    "x-goog-resumable", "x-goog-acl", "x-goog-meta-a", "x-goog-encryption-key", "x-goog-encryption-algorithm", "origin",
    "x-http-method-override", "x-goog-custom-time", "authorization", "x-goog-date", "x-upload-content-length", "expect",
    "x-forwarded-proto", "accept-encoding", "x-goog-storage-class", "access-control-request-method", "x-retry-test-id",
    "x-goog-copy-source-generation", "x-goog-metadata-directive", "cookie", "content-encoding", "sec-fetch-site",
]  # fmt: skip
TYPES = ["application/json", "text/plain", "multipart/related; boundary=x", "multipart/mixed; boundary=x",
         "multipart/form-data; boundary=x", "application/xml"]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]


@dataclass(frozen=True)
class Ask:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Fuzzer:
    """Makes requests that are wrong in a few places each; the same ones from the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - repeatable

    def ask(self) -> Ask:
        headers = {self._one(HEADERS): self._header() for _ in range(self._dice.randrange(3))}
        if self._dice.random() < 0.8:
            headers.setdefault("authorization", "Bearer x")
        kind = self._one(TYPES)
        headers.setdefault("content-type", kind)
        pairs = [(self._one(PARAMETERS), self._one(self._one([TEXTS, WORDS]))) for _ in range(self._dice.randrange(4))]
        query = "&".join(f"{name}={quote(value[:6000])}" for name, value in pairs)
        return Ask(self._one(METHODS), f"{self._path()}?{query}", headers, self._body(kind))

    def _path(self) -> str:
        if self._dice.random() < 0.2:
            return f"/{self._name()}/{self._name()}"
        template = self._one(sorted(_STORAGE))
        prefix = self._one(["/storage/v1/", "/", "/upload/storage/v1/", "/download/storage/v1/"])
        parts = [self._name() if part.startswith("{") else part for part in template.split("/")]
        return prefix + "/".join(parts)

    def _name(self) -> str:
        return self._one(["fuzzed-bucket", "there", "there", quote(self._one(TEXTS)[:300], safe=""), "%FF", "allUsers"])

    def _body(self, kind: str) -> bytes:
        text = self._json() if self._dice.random() < 0.8 else self._one(["", "[" * 100_000, '"\\ud800"', "NaN", "{"])
        if "related" in kind:
            text = f"--x\r\n\r\n{text}\r\n--x\r\ncontent-type: a/b\r\n\r\ncontent\r\n--x--"
        elif "mixed" in kind:
            call = f"{self._one(METHODS)} {self._path()} HTTP/1.1\r\ncontent-length: {self._one(TEXTS)}\r\n\r\n{text}"
            text = f"--x\r\ncontent-id: a\r\n\r\n{call}\r\n--x--"
        elif "form" in kind:
            text = f'--x\r\ncontent-disposition: form-data; name="{self._one(TEXTS)}"\r\n\r\n{text}\r\n--x--'
        elif "xml" in kind:
            tags = ["Tagging", "Delete", "AccessControlList", "Retention", "CompleteMultipartUpload", "ComposeRequest",
                    "AccessControlPolicy", "VersioningConfiguration", "CreateBucketConfiguration"]  # fmt: skip
            tag, inner = (
                self._one(tags),
                self._one(["Object", "Entry", "Part", "Component", "Mode", "PartNumber", "Grant", "Status"]),
            )
            text = f"<{tag}><{inner}>{self._one(['1', '²', '', '<Key/>', '<Scope/>'])}</{inner}></{tag}>"
        return text.encode("utf-8", "surrogatepass")

    def _json(self) -> str:
        found = {self._one(FIELDS): self._value() for _ in range(self._dice.randrange(1, 4))}
        return json.dumps(found if self._dice.random() < 0.95 else self._one(VALUES))

    def _value(self) -> Any:
        roll = self._dice.random()
        if roll < 0.4:
            return self._one(VALUES)
        inner = {self._one(INNER): self._one(VALUES) for _ in range(self._dice.randrange(1, 3))}
        if roll < 0.7:
            return inner
        return [inner] if roll < 0.85 else {self._one(INNER): [inner] if roll < 0.92 else inner}

    def _header(self) -> str:
        return self._one(TEXTS)[:6000].encode("latin-1", "ignore").decode("latin-1").translate({0: None, 10: None})

    def _one(self, choices: Sequence[T]) -> T:
        return self._dice.choice(choices)


@pytest.fixture(scope="module")
def fuzzed(emulator: EmulatorUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorUnderTest]:
    data: Path = tmp_path_factory.mktemp("fuzzed") / "data"
    with running_emulator(data, emulator.key, "--admin") as own:
        own.client.create_bucket("fuzzed-bucket").blob("there").upload_from_string("there")
        yield own


def sent(connection: http.client.HTTPConnection, ask: Ask) -> http.client.HTTPResponse:
    """The answer, read to its end. A connection that was idle for long, on a crowded machine, is opened again."""
    try:
        connection.request(ask.method, ask.path, ask.body, ask.headers)
        answer = connection.getresponse()
    except http.client.RemoteDisconnected:
        connection.close()
        connection.request(ask.method, ask.path, ask.body, ask.headers)
        answer = connection.getresponse()
    answer.read()
    return answer


@pytest.mark.parametrize(
    ("count", "seed"), [(FEW, 20), pytest.param(MANY, 21, marks=[pytest.mark.faults, pytest.mark.timeout(400)])]
)
def test_no_request_is_answered_by_500(fuzzed: EmulatorUnderTest, count: int, seed: int) -> None:
    fuzzer, answers, place = Fuzzer(seed), Counter[int](), urlsplit(fuzzed.url).netloc
    broken: list[tuple[int, Ask]] = []
    with closing(http.client.HTTPConnection(place, timeout=20)) as connection:
        for _ in range(count):
            ask = fuzzer.ask()
            answer = sent(connection, ask)
            answers[answer.status] += 1
            if answer.status >= 500 and answer.status not in REFUSED_ON_PURPOSE:
                broken.append((answer.status, ask))
    print(f"\n{count} requests from seed {seed}: {dict(sorted(answers.items()))}")
    assert broken == []
    assert len(answers) > 6 and answers[200] > 100  # not all were refused at the door
