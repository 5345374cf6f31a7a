"""The upload of a large zip in chunks. After a dropped connection the storage tells how much it has.

The protocol is that of Cloud Storage's XML API: a signed POST starts a session, each PUT with a Content-Range adds
bytes to it, and `bytes */n` asks for its state.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests

from function.wire import Upload
from jobs.storage.links import Link

CHUNK = 8 * 1024 * 1024  # bytes; the protocol requires a multiple of 256 KiB
GOES_ON = 308  # "resume incomplete": the storage waits for more
TIMEOUT = (10.0, 300.0)  # seconds to connect, and seconds without data: the last chunk of a large object takes long

Progress = Callable[[int, int], None]  # bytes sent, bytes in all
Tried = Callable[[Callable[[], requests.Response]], requests.Response]  # repeats a call after errors that may pass


@dataclass
class Transfer:
    """The upload of one zip.

    `session` is the address of an upload that has begun; `keep` receives that of a new one.
    """

    path: Path
    progress: Progress
    session: str | None = None
    keep: Callable[[str], None] = lambda session: None
    _position: int | None = field(default=None, init=False)  # bytes that the storage has; None: it must be asked

    @property
    def size(self) -> int:
        """The size of the zip in bytes."""
        return self.path.stat().st_size

    def send(self, upload: Upload, tried: Tried) -> requests.Response:
        """Send the zip; return the storage's last answer, a success or a refusal.

        Raises `requests.RequestException` when there is no answer.
        """
        if self.session is None:
            start = upload.resumable
            if start is None:
                raise ValueError("this storage takes no upload in parts")
            answer = tried(lambda: self._start(start))
            if not answer.ok:
                return answer
            self.session = answer.headers["location"]
            self.keep(self.session)
            self._position = 0
        while (answer := tried(self._chunk)).status_code == GOES_ON:
            pass
        return answer

    def _start(self, start: Link) -> requests.Response:
        return requests.post(start.url, headers=dict(start.headers), timeout=TIMEOUT)

    def _state(self) -> requests.Response:
        headers = {"Content-Range": f"bytes */{self.size}"}
        return requests.put(str(self.session), headers=headers, timeout=TIMEOUT, allow_redirects=False)

    def _chunk(self) -> requests.Response:
        """Send the next chunk. After a lost answer, first ask the storage what it has: it may have kept the chunk."""
        if self._position is None:
            state = self._state()
            if state.status_code != GOES_ON:
                return state
            self._position = _after(state)
        start, self._position = self._position, None
        self.progress(start, self.size)
        with self.path.open("rb") as file:
            file.seek(start)
            body = file.read(CHUNK)
        headers = {"Content-Range": f"bytes {start}-{start + len(body) - 1}/{self.size}"}
        answer = requests.put(str(self.session), data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        if answer.status_code == GOES_ON:
            self._position = _after(answer)
        elif answer.ok:
            self.progress(self.size, self.size)
        return answer


def _after(answer: requests.Response) -> int:
    """Return the position of the first byte that the storage does not have."""
    found = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("range", ""))
    return int(found[1]) + 1 if found else 0
