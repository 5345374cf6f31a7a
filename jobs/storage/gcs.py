"""A bucket in Google Cloud Storage, or in another server with the same API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from jobs.errors import Transient
from jobs.storage.store import Blob, PreconditionFailed, Stat

_FIELDS = "items(name,generation,size,timeCreated),nextPageToken"
_BUSY = (
    exceptions.ServerError,
    exceptions.RetryError,
    auth_exceptions.TransportError,
    auth_exceptions.RefreshError,
    requests.RequestException,
    DataCorruption,
    ConnectionError,
)
_BUSY_STATUS = (408, 429)  # of the errors that are not the server's


@dataclass(frozen=True)
class GcsPolicy:
    """The time limits of requests, and of tries after a failure."""

    timeout: tuple[float, float] = (10.0, 60.0)  # seconds to connect, and between two bytes
    # Seconds for further tries; 0 = one try. It is short, as a web request must get its answer.
    retry_seconds: float = 20.0
    file_seconds: float = 300.0  # seconds for further tries of whole files, which only the worker transfers


POLICY = GcsPolicy()
NO_STORAGE = (
    "MODELMAIL_STORAGE_URL is not set, and there are no credentials for Google Cloud. Set it to the buckets' address, "
    "such as http://127.0.0.1:9000, or sign in by `gcloud auth application-default login`"
)


def client(storage_url: str) -> storage.Client:
    """Return a client of the storage at that URL; an empty URL means Google, with the default credentials.

    Raises ValueError where Google's credentials are not found.
    """
    if not storage_url:
        try:
            return storage.Client()
        except auth_exceptions.DefaultCredentialsError as error:
            raise ValueError(NO_STORAGE) from error
    return storage.Client(
        project="local", credentials=AnonymousCredentials(), client_options={"api_endpoint": storage_url}
    )


class GcsStore:
    """A bucket, used through Google's client.

    Conditional writes are tried once: the callers' own loops know whether a further try is right.
    """

    def __init__(self, bucket: storage.Bucket, policy: GcsPolicy = POLICY) -> None:
        self._bucket = bucket
        self._timeout = policy.timeout
        self._retry = _retry(policy.retry_seconds)
        self._file_retry = _retry(policy.file_seconds)

    def get(self, name: str, known: Blob | None = None) -> Blob | None:
        """Return the object, or None when there is none; `known` itself when it has not changed."""
        blob = self._bucket.blob(name)
        unless = known.generation if known else None
        with _translated():
            try:
                data = blob.download_as_bytes(if_generation_not_match=unless, timeout=self._timeout, retry=self._retry)
            except exceptions.NotFound:
                return None
            except exceptions.NotModified:
                return known
            return Blob(data, int(blob.generation))

    def stat(self, name: str) -> Stat | None:
        """Return the object's size, generation and time of creation, or None when there is none."""
        with _translated():
            blob = self._bucket.get_blob(name, timeout=self._timeout, retry=self._retry)
        return _stat(blob) if blob else None

    def put(
        self,
        name: str,
        data: bytes,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> int:
        """Write the object; return the new generation. Raises PreconditionFailed."""
        blob = self._bucket.blob(name)
        with _translated():
            blob.upload_from_string(
                data,
                content_type=content_type,
                if_generation_match=if_generation,
                timeout=self._timeout,
                retry=self._retry if if_generation is None else None,
            )
            return int(blob.generation)

    def upload(self, name: str, path: Path, *, content_type: str = "application/octet-stream") -> int:
        """Write a file's content as a stream; return the new generation."""
        blob = self._bucket.blob(name)
        with _translated():
            blob.upload_from_filename(
                str(path), content_type=content_type, timeout=self._timeout, retry=self._file_retry
            )
            return int(blob.generation)

    def download(self, name: str, path: Path) -> int:
        """Read the object into a file, through a temporary name; return the generation. Raises FileNotFoundError."""
        partial = path.with_name(path.name + ".part")
        blob = self._bucket.blob(name)
        try:
            with _translated():
                try:
                    blob.download_to_filename(str(partial), timeout=self._timeout, retry=self._file_retry)
                except exceptions.NotFound:
                    raise FileNotFoundError(name) from None
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return int(blob.generation)

    def delete(self, name: str, *, if_generation: int | None = None) -> bool:
        """Delete the object; return False when there was none. Raises PreconditionFailed."""
        retry = self._retry if if_generation is None else None
        with _translated():
            try:
                self._bucket.blob(name).delete(if_generation_match=if_generation, timeout=self._timeout, retry=retry)
            except exceptions.NotFound:
                return False
        return True

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """Yield the objects whose names start with the prefix, in the order of their names."""
        with _translated():
            for blob in self._bucket.list_blobs(
                prefix=prefix, fields=_FIELDS, timeout=self._timeout, retry=self._retry
            ):
                yield _stat(blob)


def _retry(seconds: float) -> Retry | None:
    return DEFAULT_RETRY.with_timeout(seconds) if seconds else None


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the client's errors into those of this project."""
    try:
        yield
    except exceptions.PreconditionFailed as error:
        raise PreconditionFailed("the object is not at the expected generation") from error
    except _BUSY as error:
        raise Transient(f"storage: {type(error).__name__}") from error
    except exceptions.GoogleAPICallError as error:
        if error.code not in _BUSY_STATUS:
            raise
        raise Transient(f"storage: {type(error).__name__}") from error


def _stat(blob: Any) -> Stat:
    return Stat(blob.name, int(blob.generation), int(blob.size), blob.time_created)
