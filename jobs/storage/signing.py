"""Links to Google Cloud Storage: V4 signatures for one object, made with a key file or by the IAM service."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

import google.auth
import google.auth.exceptions
import google.auth.transport.requests
import requests
from google.auth import credentials as google_credentials
from google.cloud import storage
from google.oauth2 import service_account

from jobs.errors import Bug, Transient
from jobs.settings import Settings
from jobs.storage.links import Download, Link, UploadOffer

GOOGLE_STORAGE = "https://storage.googleapis.com"
CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
IAM_TIMEOUT = 10.0  # seconds for each request


@dataclass(frozen=True)
class SignRequest:
    """The right that a link gives: one method on one object, for a limited time, with exactly these headers."""

    method: str  # "GET", "PUT", or "RESUMABLE": a POST that starts a resumable upload
    bucket: str
    name: str
    seconds: int
    headers: Mapping[str, str] = field(default_factory=dict)
    disposition: str = ""  # Content-Disposition of a download's answer
    content_type: str = ""  # Content-Type of a download's answer


class Signer(Protocol):
    """A signer of links."""

    def sign(self, request: SignRequest) -> str:
        """Return the link. Raises Transient when no signature can be made now."""
        ...


class BlobSigner:
    """A signer that uses Google's client, for Google's storage or for another endpoint."""

    def __init__(self, credentials: google_credentials.Signing, storage_url: str) -> None:
        self._credentials = credentials
        self._endpoint = storage_url or GOOGLE_STORAGE
        # This client only builds the link and sends nothing, so it needs no credentials of its own.
        self._client = storage.Client(project="local", credentials=google_credentials.AnonymousCredentials())

    def sign(self, request: SignRequest) -> str:
        """Return a V4 link. Raises Transient, or Bug when IAM refuses for good."""
        url: str = (
            self._client.bucket(request.bucket)
            .blob(request.name)
            .generate_signed_url(
                version="v4",
                expiration=timedelta(seconds=request.seconds),
                method=request.method,
                headers=dict(request.headers),  # a copy: the client adds `Host` to the dict that it gets
                response_disposition=request.disposition or None,
                response_type=request.content_type or None,
                api_access_endpoint=self._endpoint,
                credentials=self._credentials,
            )
        )
        return url


class SignedLinks:
    """A maker of links to the objects of one installation, which are signed when they are asked for."""

    def __init__(self, signer: Signer, settings: Settings) -> None:
        self._signer = signer
        self._datasets = settings.datasets_bucket
        self._models = settings.models_bucket
        self._storage = settings.storage_url or GOOGLE_STORAGE

    @property
    def origin(self) -> str:
        """The scheme and host of all links."""
        parts = urlsplit(self._storage)
        return f"{parts.scheme}://{parts.netloc}"

    def offer_upload(self, name: str, most_bytes: int, seconds: int) -> UploadOffer:
        """Return a plain PUT, and a POST that starts a resumable upload. Raises Transient.

        By its precondition, the object can be written once: a second PUT is answered with 412.
        """
        headers = {
            "content-type": "application/zip",
            "x-goog-content-length-range": f"1,{most_bytes}",
            "x-goog-if-generation-match": "0",
        }
        whole, start = (
            self._signer.sign(SignRequest(method, self._datasets, name, seconds, headers))
            for method in ("PUT", "RESUMABLE")
        )
        return UploadOffer(Link("PUT", whole, headers), Link("POST", start, {**headers, "x-goog-resumable": "start"}))

    def download(self, wanted: Download) -> str:
        """Return a link for GET. Raises Transient."""
        request = SignRequest(
            method="GET",
            bucket=self._models,
            name=wanted.name,
            seconds=wanted.seconds,
            disposition=wanted.disposition,
            content_type=wanted.content_type,
        )
        return self._signer.sign(request)


def links(settings: Settings) -> SignedLinks:
    """Return links signed by the key file, or by IAM when there is none. Raises ValueError, OSError for a bad file."""
    if settings.signing_key:
        return SignedLinks(key_signer(settings.signing_key, settings.storage_url), settings)
    return SignedLinks(iam_signer(settings.iam_url, settings.storage_url), settings)


def key_signer(key_file: str, storage_url: str) -> BlobSigner:
    """Return a signer with the key file of a service account. Raises ValueError or OSError for a bad file."""
    return BlobSigner(service_account.Credentials.from_service_account_file(key_file), storage_url)


def iam_signer(iam_url: str, storage_url: str) -> BlobSigner:
    """Return a signer with the service account of this program, without any key file."""
    source, _ = google.auth.default(scopes=[CLOUD_SCOPE])
    return BlobSigner(IamCredentials(source, iam_url), storage_url)


class IamCredentials(google_credentials.Signing):  # type: ignore[misc]  # google.auth is untyped
    """Credentials whose signatures come from `signBlob` of the IAM service.

    Google's own signer has a fixed host; this one takes it as a value, so that tests and other installations can change
    it. `source` gives the access token and the account's email.
    """

    def __init__(self, source: Any, iam_url: str) -> None:
        self._source = source
        self._iam_url = iam_url
        self._transport = google.auth.transport.requests.Request()
        self._refreshing = threading.Lock()

    @property
    def signer(self) -> IamCredentials:
        """The object that signs, which is this one."""
        return self

    @property
    def signer_email(self) -> str:
        """The address of the service account. A token is fetched first, as the address is "default" until then."""
        self._token()
        email = getattr(self._source, "service_account_email", None)
        if not email or email == "default":
            raise Bug("these credentials belong to no service account; set MODELMAIL_SIGNING_KEY")
        return str(email)

    def sign_bytes(self, message: bytes) -> bytes:
        """Sign with the IAM service. Raises Transient for 429, 5xx and a lost connection, Bug for a refusal."""
        url = f"{self._iam_url}/v1/projects/-/serviceAccounts/{self.signer_email}:signBlob"
        try:
            answer = requests.post(
                url,
                json={"payload": base64.b64encode(message).decode()},
                headers={"Authorization": f"Bearer {self._token()}"},
                timeout=IAM_TIMEOUT,
            )
        except requests.RequestException as error:
            raise Transient("the IAM service does not answer") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Transient(f"the IAM service answers {answer.status_code}")
        if answer.status_code != 200:
            raise Bug(f"the IAM service refuses to sign: {answer.status_code}")
        return base64.b64decode(answer.json()["signedBlob"])

    def _token(self) -> str:
        with self._refreshing:
            if not self._source.valid:
                self._refresh()
            return str(self._source.token)

    def _refresh(self) -> None:
        try:
            self._source.refresh(self._transport)
        except google.auth.exceptions.GoogleAuthError as error:
            raise Transient("no access token can be had") from error
