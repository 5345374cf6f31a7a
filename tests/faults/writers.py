"""Writers who know what they were promised: each change is open until its answer comes, and then it counts."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import random
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import google_crc32c

CHUNK = 256 * 1024  # bytes; what a chunk of a resumable upload must be a multiple of
SIZES = (0, 1, 1000, 30_000, 40_000, 300_000)  # bytes; some are kept in the index, some in files
NAMES = 12  # of each writer
TIMEOUT = 20.0  # seconds


class Refused(Exception):
    """An answer that is neither success nor what was asked for."""


@dataclass
class Connection:
    """One keep-alive connection to the bucket."""

    url: str
    bucket: str
    _http: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers, body. Raises OSError or HTTPException when the server goes."""
        if self._http is None:
            self._http = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT)
        self._http.request(method, path, body, headers or {})
        answer = self._http.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def objects(self, rest: str) -> str:
        return f"/storage/v1/b/{self.bucket}/o/{rest}"

    def upload(self, query: str) -> str:
        return f"/upload/storage/v1/b/{self.bucket}/o?{query}"

    def close(self) -> None:
        if self._http is not None:
            self._http.close()


@dataclass
class Upload:
    """A resumable upload on its way."""

    name: str
    content: bytes
    path: str = ""
    received: int = 0  # acknowledged bytes


@dataclass
class Writer:
    """Writes to names of its own; `possible` holds the contents that each may have (None = absent)."""

    number: int
    dice: random.Random
    possible: dict[str, set[bytes | None]] = field(default_factory=dict)
    upload: Upload | None = None
    acknowledged: int = 0
    interrupted: int = 0  # changes whose answer never came

    def write(self, connection: Connection, stop: threading.Event) -> None:
        """Change something, again and again, until the server is gone or `stop`."""
        changes = (self._put, self._put, self._put, self._delete, self._compose, self._copy, self._resumable)
        try:
            while not stop.is_set():
                self.dice.choice(changes)(connection)
                self.acknowledged += 1
        except (OSError, http.client.HTTPException):
            pass  # the server is gone
        finally:
            connection.close()

    def settle(self, connection: Connection) -> int:
        """See what came of the open changes; how many contents were looked at. Raises AssertionError for a loss."""
        for name, contents in self.possible.items():
            status, headers, body = connection.ask("GET", connection.objects(f"{name}?alt=media"))
            found = None if status == 404 else body
            assert status in (200, 404), (name, status, body)
            assert found in contents, f"{name}: {_shown(found)} is none of {[_shown(item) for item in contents]}"
            if found is not None:
                _check_hashes(name, headers["x-goog-hash"], found)
            self.interrupted += len(contents) > 1
            self.possible[name] = {found}
        connection.close()
        return len(self.possible)

    def _name(self) -> str:
        return f"{self.number}-{self.dice.randrange(NAMES)}"

    def _there(self) -> list[str]:
        busy = self.upload.name if self.upload else ""
        return [name for name, contents in self.possible.items() if contents != {None} and name != busy]

    def _open(self, name: str, content: bytes | None) -> None:
        self.possible.setdefault(name, {None}).add(content)

    def _counts(self, name: str, content: bytes | None) -> None:
        self.possible[name] = {content}

    def _put(self, connection: Connection) -> None:
        name, content = self._name(), self.dice.randbytes(self.dice.choice(SIZES))
        self._open(name, content)
        _expect(200, connection.ask("POST", connection.upload(f"uploadType=media&name={name}"), content))
        self._counts(name, content)

    def _delete(self, connection: Connection) -> None:
        if not (names := self._there()):
            return
        name = self.dice.choice(names)
        self._open(name, None)
        _expect(204, connection.ask("DELETE", connection.objects(name)))
        self._counts(name, None)

    def _compose(self, connection: Connection) -> None:
        if not (names := self._there()):
            return
        sources, name = self.dice.choices(names, k=2), self._name()
        content = b"".join(self._content(source) for source in sources)
        if len(content) > 2_000_000:
            return
        self._open(name, content)
        body = json.dumps({"sourceObjects": [{"name": source} for source in sources]}).encode()
        headers = {"content-type": "application/json"}
        _expect(200, connection.ask("POST", connection.objects(f"{name}/compose"), body, headers))
        self._counts(name, content)

    def _copy(self, connection: Connection) -> None:
        if not (names := self._there()):
            return
        source, name = self.dice.choice(names), self._name()
        content = self._content(source)
        self._open(name, content)
        path = f"{source}/rewriteTo/b/{connection.bucket}/o/{name}"
        _expect(200, connection.ask("POST", connection.objects(path)))
        self._counts(name, content)

    def _content(self, name: str) -> bytes:
        (content,) = self.possible[name]
        assert content is not None
        return content

    def _resumable(self, connection: Connection) -> None:
        """One step of an upload in four chunks; it goes on after a restart."""
        if self.upload is None:
            upload = Upload(f"{self.number}-upload-{self.dice.randrange(3)}", self.dice.randbytes(3 * CHUNK + 1000))
            query = f"uploadType=resumable&name={upload.name}"
            _, headers, _ = _expect(200, connection.ask("POST", connection.upload(query)))
            upload.path = headers["location"].split("/", 3)[3]
            self.upload = upload
            return
        upload = self.upload
        total = len(upload.content)
        first = self._asked(connection, upload)
        if first < total:
            self._chunk(connection, upload, first)
            return
        self._counts(upload.name, upload.content)
        self.upload = None

    def _asked(self, connection: Connection, upload: Upload) -> int:
        """How many bytes the server has: never fewer than it acknowledged."""
        total = len(upload.content)
        status, headers, body = connection.ask("PUT", f"/{upload.path}", b"", {"content-range": f"bytes */{total}"})
        if status == 200:
            return total
        assert status == 308, (status, body)
        received = int(headers.get("range", "bytes=0--1").rpartition("-")[2] if "range" in headers else -1) + 1
        assert received >= upload.received, f"{received} of {upload.received} acknowledged bytes"
        return received

    def _chunk(self, connection: Connection, upload: Upload, first: int) -> None:
        total = len(upload.content)
        last = min(first + CHUNK, total) - 1
        if last == total - 1:
            self._open(upload.name, upload.content)
        headers = {"content-range": f"bytes {first}-{last}/{total}"}
        answer = connection.ask("PUT", f"/{upload.path}", upload.content[first : last + 1], headers)
        _expect(200 if last == total - 1 else 308, answer)
        upload.received = last + 1
        if last == total - 1:
            self._counts(upload.name, upload.content)
            self.upload = None


def _expect(status: int, answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    if answer[0] != status:
        raise Refused(answer)
    return answer


def _check_hashes(name: str, told: str, content: bytes) -> None:
    crc: Any = google_crc32c.Checksum(content)  # type: ignore[no-untyped-call]
    found = {"crc32c": base64.b64encode(crc.digest()).decode()}
    found["md5"] = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    for item in told.split(","):
        label, _, value = item.strip().partition("=")
        assert found[label] == value, f"{name}: {label} of the content is {found[label]}, not {value}"


def _shown(content: bytes | None) -> str:
    return "absent" if content is None else f"{len(content)} bytes {hashlib.sha256(content).hexdigest()[:8]}"
