"""Signatures: by a key file, and by an IAM service that stands on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import google.auth.exceptions
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.auth.credentials import Credentials

from function.main import build
from jobs.errors import Bug, Transient
from jobs.settings import Settings
from jobs.storage.links import Download
from jobs.storage.signing import BlobSigner, IamCredentials, SignRequest, key_signer

EMAIL = "signer@local.iam.gserviceaccount.com"
HEADERS = {"content-type": "application/zip", "x-goog-if-generation-match": "0"}


class Iam:
    """The `signBlob` method of the IAM service, with what it was asked."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.status = 200
        self.asked: list[tuple[str, str]] = []  # path, authorization
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append((self.path, self.headers["Authorization"]))
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                signed = outer.key.sign(base64.b64decode(body["payload"]), padding.PKCS1v15(), hashes.SHA256())
                answer = json.dumps({"keyId": "1", "signedBlob": base64.b64encode(signed).decode()}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def iam() -> Iterator[Iam]:
    service = Iam()
    thread = threading.Thread(target=service.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.server.shutdown()
    service.server.server_close()
    thread.join()


class MachineCredentials(Credentials):  # type: ignore[misc]  # google.auth is untyped
    """What a machine of Google's gives: its email reads "default" until the first refresh."""

    def __init__(self, refreshed_email: str = EMAIL) -> None:
        super().__init__()
        self.service_account_email = "default"
        self.refreshes = 0
        self._email = refreshed_email

    def refresh(self, request: Any) -> None:
        self.refreshes += 1
        self.token = f"token-{self.refreshes}"
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
        self.service_account_email = self._email


def verify(url: str, key: rsa.RSAPublicKey, method: str, headers: dict[str, str]) -> None:
    """Check a V4 signature by the published recipe. Raises InvalidSignature."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    values = {"host": parts.netloc, **headers}
    canonical = [
        method,
        parts.path,
        "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items())),
        *(f"{name}:{values[name]}" for name in sorted(values)),
        "",
        ";".join(sorted(values)),
        "UNSIGNED-PAYLOAD",
    ]
    scope = query["X-Goog-Credential"].split("/", 1)[1]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join(["GOOG4-RSA-SHA256", query["X-Goog-Date"], scope, digest])
    key.verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("method", "sent", "headers"),
    [
        ("PUT", "PUT", HEADERS),
        ("RESUMABLE", "POST", {**HEADERS, "x-goog-resumable": "start"}),
    ],
)
def test_iam_signs_links_that_verify(iam: Iam, method: str, sent: str, headers: dict[str, str]) -> None:
    source = MachineCredentials()
    signer = BlobSigner(IamCredentials(source, iam.url), "http://127.0.0.1:9000")
    request = SignRequest(method, "datasets", "abc.zip", 3600, dict(HEADERS))
    url = signer.sign(request)
    verify(url, iam.key.public_key(), sent, headers)
    with pytest.raises(InvalidSignature):
        verify(url.replace("abc.zip", "abd.zip"), iam.key.public_key(), sent, headers)
    assert f"X-Goog-Credential={quote(EMAIL, safe='')}%2F" in url
    assert iam.asked == [(f"/v1/projects/-/serviceAccounts/{EMAIL}:signBlob", "Bearer token-1")]
    assert dict(request.headers) == HEADERS  # the client adds to the dict it is given; not to ours
    signer.sign(request)
    assert source.refreshes == 1


@pytest.mark.parametrize(
    ("status", "error"), [(429, Transient), (500, Transient), (503, Transient), (403, Bug), (404, Bug)]
)
def test_an_iam_service_that_says_no(iam: Iam, status: int, error: type[Exception]) -> None:
    iam.status = status
    signer = BlobSigner(IamCredentials(MachineCredentials(), iam.url), "")
    with pytest.raises(error):
        signer.sign(SignRequest("GET", "models", "a", 600))


def test_an_iam_service_that_is_not_there() -> None:
    signer = BlobSigner(IamCredentials(MachineCredentials(), "http://127.0.0.1:9"), "")
    with pytest.raises(Transient):
        signer.sign(SignRequest("GET", "models", "a", 600))


def test_no_token_to_be_had(iam: Iam) -> None:
    class NoToken(MachineCredentials):
        def refresh(self, request: Any) -> None:
            raise google.auth.exceptions.TransportError("metadata server")

    with pytest.raises(Transient):
        BlobSigner(IamCredentials(NoToken(), iam.url), "").sign(SignRequest("GET", "models", "a", 600))
    assert iam.asked == []


def test_without_a_key_file_the_machine_s_own_account_signs(
    iam: Iam, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its tokens would come from a place that is not there: the signer asks for one before it asks IAM.
    account = json.loads(key_file.read_text()) | {"token_uri": "http://127.0.0.1:9/token"}
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "local")
    settings = Settings(public_url="https://m.example.org", secret="x", allowed_addresses=("*",), iam_url=iam.url)
    app = build(replace(settings, storage_url="http://127.0.0.1:9"))
    with pytest.raises(Transient, match="access token"):
        app.parts.links.download(Download("a", 600))
    assert iam.asked == []


def test_credentials_of_a_person_cannot_sign(iam: Iam) -> None:
    signer = BlobSigner(IamCredentials(MachineCredentials("default"), iam.url), "")
    with pytest.raises(Bug, match="MODELMAIL_SIGNING_KEY"):
        signer.sign(SignRequest("GET", "models", "a", 600))


@pytest.mark.parametrize(
    ("storage_url", "start"),
    [("", "https://storage.googleapis.com/models/"), ("http://127.0.0.1:9000", "http://127.0.0.1:9000/models/")],
)
def test_links_point_at_the_storage_of_the_settings(key_file: Path, storage_url: str, start: str) -> None:
    request = SignRequest("GET", "models", "id/a b.h5", 600, disposition="attachment", content_type="text/html")
    url = key_signer(str(key_file), storage_url).sign(request)
    assert url.startswith(f"{start}id/a%20b.h5?")
    query = dict(parse_qsl(urlsplit(url).query))
    assert query["response-content-disposition"] == "attachment"
    assert query["response-content-type"] == "text/html"


def test_a_key_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    with pytest.raises(OSError):
        key_signer(str(path), "")
    path.write_text("{}")
    with pytest.raises(ValueError):
        key_signer(str(path), "")
