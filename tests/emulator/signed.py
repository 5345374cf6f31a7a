"""Signed requests, which tests send as they are or after a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import requests
from google.cloud import storage

from tests.servers import EmulatorUnderTest

UPLOAD = {"content-type": "application/zip", "x-goog-content-length-range": "1,100", "x-goog-if-generation-match": "0"}


@dataclass(frozen=True)
class Signed:
    """A signed request, to be sent as it is or after a change."""

    url: str
    method: str = "PUT"
    headers: Mapping[str, str] = field(default_factory=lambda: dict(UPLOAD))
    body: bytes = b"zip"

    def send(self) -> requests.Response:
        return exactly(self.method, self.url, self.headers, self.body)


def exactly(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> requests.Response:
    """Send a request with its path as it is written; by itself, the client decodes `%2D` and the like."""
    prepared = requests.Request(method, url, headers=dict(headers), data=body or None).prepare()
    prepared.url = url
    with requests.Session() as session:
        return session.send(prepared, timeout=20)


def signed_upload(emulator: EmulatorUnderTest, bucket: storage.Bucket, name: str, **more: Any) -> Signed:
    headers = dict(UPLOAD)
    return Signed(emulator.sign(bucket.blob(name), "PUT", headers=dict(headers), **more), headers=headers)


def error_code(answer: requests.Response) -> str:
    """The XML error's code; empty for success and for a HEAD."""
    if answer.status_code < 400 or not answer.content:
        return ""
    return ElementTree.fromstring(answer.content).findtext("Code") or ""  # noqa: S314 - our own server's answer
