"""A client of the service: zip a folder, submit, upload, follow, download. It needs only `requests`.

client = Client("https://models.example.org")
submission = client.submit("ada@example.org", {"minutes": 30})
client.upload(submission, zip_folder(Path("photos"), Path("photos.zip")), lambda sent, total: None)
for status in client.follow(submission.status_url): ...
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import requests

from function.resumable import CHUNK as RESUMABLE_CHUNK
from function.resumable import Transfer
from function.wire import StatusAnswer, SubmissionAnswer, Upload
from jobs.clock import Clock, SystemClock
from jobs.folders import Entry, Kind, entries, opened
from jobs.retries import STORAGE

TERMINAL = ("done", "rejected", "failed")
ARRIVED = ("uploaded", "running", "awaiting_worker", *TERMINAL)
TRIES = 6  # their waits add up to about half a minute
LINKS = 3  # most upload links that one zip may use
CHUNK = 256 * 1024  # bytes between two reports of progress
TIMEOUT = (10.0, 60.0)  # seconds to connect, and seconds without data
UPLOAD_TIMEOUT = (10.0, 300.0)  # the storage needs time after the last byte of a large object
AGAIN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
# Date of all files in a zip, the oldest that zips allow; one fixed date makes equal folders equal zips.
OLDEST = (1980, 1, 1, 0, 0, 0)

Progress = Callable[[int, int], None]  # bytes sent, bytes in all


class ClientError(Exception):
    """The error of a refused request. `code` is one of the service's error codes, or `http_<status>`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Resume:
    """The address of an earlier upload of the same zip, and a function that stores the address of a new one."""

    session: str | None = None
    keep: Callable[[str], None] = lambda session: None


class Client:
    """A client of one installation of the service.

    Every call raises ClientError when the service refuses a request, and `requests.RequestException` when it cannot be
    reached after all tries.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._url = url.rstrip("/")
        self._clock = clock or SystemClock()
        self._session = requests.Session()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def minutes(self) -> tuple[int, int] | None:
        """Return the least and the most minutes that a job may have; None where the service does not tell."""
        answer = self._session.get(f"{self._url}/", headers={"Accept": "application/json"}, timeout=TIMEOUT)
        try:
            least, most = _checked(answer).json()["limits"]["minutes"]
            return int(least), int(most)
        except (KeyError, TypeError, ValueError):  # a service of the version before
            return None

    def submit(self, email: str, options: Mapping[str, object]) -> SubmissionAnswer:
        """Ask for a job. A lost answer causes no second try: a second job would count against the day's limit."""
        body = {"email": email, "options": dict(options)}
        answer = self._session.post(f"{self._url}/", json=body, timeout=TIMEOUT)
        return SubmissionAnswer.from_json(_checked(answer).json())

    def upload(
        self, submission: SubmissionAnswer, path: Path, progress: Progress, resume: Resume | None = None
    ) -> None:
        """Send the zip: a small one in one request, a large one in chunks that continue after a dropped connection.

        A link that has ended is replaced by a fresh one. The object of a link can be written once only: when the answer
        to a complete upload was lost, the next try is refused with 412, and the job's status says that the zip is
        there. `resume` continues an upload of an earlier call, and stores the address of a new one.
        """
        size = path.stat().st_size
        if size > submission.upload.max_bytes:
            raise ClientError("too_large_zip", f"The zip has {size} bytes; {submission.upload.max_bytes} may be sent.")
        upload, resume = submission.upload, resume or Resume()
        session = resume.session
        for _ in range(LINKS):
            if session or (size > RESUMABLE_CHUNK and upload.resumable):
                answer = Transfer(path, progress, session, resume.keep).send(upload, self._tried)
            else:
                answer = self._tried(partial(self._put, upload, path, progress))
            if answer.ok or (answer.status_code == 412 and self._arrived(submission)):
                return
            if not _expired(answer):
                raise _storage_error(answer)
            session = None
            try:
                upload = self._renewed(submission)
            except ClientError as error:
                if error.code == "already_uploaded":
                    return
                raise
        raise ClientError("upload_failed", f"{LINKS} upload links ended before the zip was through.")

    def status(self, status_url: str) -> StatusAnswer:
        """Return the job's status, by `GET /jobs/<id>`."""
        ask = partial(self._session.get, status_url, headers={"Accept": "application/json"}, timeout=TIMEOUT)
        return StatusAnswer.from_json(_checked(self._tried(ask)).json())

    def follow(self, status_url: str, poll_seconds: float = 1.0) -> Iterator[StatusAnswer]:
        """Yield the job's status again and again; the last one is terminal."""
        while True:
            status = self.status(status_url)
            yield status
            if status.status in TERMINAL:
                return
            self._clock.sleep(poll_seconds)

    def download(self, url: str, path: Path) -> None:
        """Fetch a result into a file. The file appears only when it is complete."""
        unfinished = path.with_name(path.name + ".part")
        _checked(self._tried(partial(self._fetch, url, unfinished)))
        unfinished.replace(path)

    def _put(self, upload: Upload, path: Path, progress: Progress) -> requests.Response:
        with path.open("rb") as file:
            body = _Watched(file, path.stat().st_size, progress)
            # Not with the session: a link is its own credential, and belongs to another host.
            return requests.put(upload.url, data=body, headers=dict(upload.headers), timeout=UPLOAD_TIMEOUT)

    def _arrived(self, submission: SubmissionAnswer) -> bool:
        return self.status(submission.status_url).status in ARRIVED

    def _renewed(self, submission: SubmissionAnswer) -> Upload:
        answer = _checked(self._session.post(f"{submission.status_url}/upload", timeout=TIMEOUT))
        return Upload.from_json(answer.json()["upload"])

    def _fetch(self, url: str, path: Path) -> requests.Response:
        with self._session.get(url, timeout=TIMEOUT, stream=True) as answer:
            if not _worth_another_try(answer):
                with path.open("wb") as file:
                    file.writelines(_checked(answer).iter_content(CHUNK))
            return answer

    def _tried(self, call: Callable[[], requests.Response]) -> requests.Response:
        """Make the call, and try again when the connection drops or the service has an error of its own."""
        for tries in range(1, TRIES):
            try:
                answer = call()
                if not _worth_another_try(answer):
                    return answer
            except AGAIN:
                pass
            self._clock.sleep(STORAGE.wait(tries))
        return call()


class _Watched:
    """A file as a request body of known length, which reports how many bytes were read."""

    def __init__(self, file: IO[bytes], size: int, progress: Progress) -> None:
        self._file = file
        self._size = size
        self._progress = progress

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        self._progress(0, self._size)
        while chunk := self._file.read(CHUNK):
            yield chunk
            sent += len(chunk)
            self._progress(sent, self._size)


def zip_folder(
    folder: Path,
    out: Path,
    leave: Callable[[str], None] = lambda name: None,
    choose: Callable[[Sequence[Entry]], Sequence[Entry]] = lambda files: files,
) -> Path:
    """Put the folder's files into a zip, in name order, with a fixed date, without compression: photos do not shrink.

    Equal folders make equal zips, byte for byte. Files and folders whose name begins with a dot, and `__MACOSX`, stay
    out. So do links, as one could lead to any file of this machine; `leave` is called with the name of each. `choose`
    returns those of the other files that are wanted.
    """
    unfinished = out.with_name(out.name + ".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        for file in choose(_members(folder, leave)):
            if Path(file.path).resolve() in (out.resolve(), unfinished.resolve()):
                continue
            entry = zipfile.ZipInfo(_text(file), OLDEST)
            entry.external_attr = 0o644 << 16
            entry.file_size = file.size  # zipfile needs it early to choose 64-bit sizes
            with opened(file) as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, CHUNK)
    return unfinished.replace(out)


def _members(folder: Path, leave: Callable[[str], None]) -> list[Entry]:
    found = []
    for entry in entries(folder):
        if not all(map(_kept, entry.parts)):
            continue
        if entry.kind is Kind.LINK:
            leave(_text(entry))
        elif entry.kind is Kind.FILE:
            found.append(entry)
    return sorted(found, key=_text)


def _text(entry: Entry) -> str:
    """Return the name in the zip. Bytes that are no text (of an old disk) become question marks: zips hold text."""
    return entry.name.encode("utf-8", "replace").decode("utf-8")


def _kept(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _checked(answer: requests.Response) -> requests.Response:
    """Return the answer. Raises ClientError with the service's own message for a refusal."""
    if answer.ok:
        return answer
    try:
        error = answer.json()["error"]
        raise ClientError(str(error["code"]), str(error["message"]))
    except (ValueError, KeyError, TypeError):
        raise ClientError(f"http_{answer.status_code}", f"The service answered {answer.status_code}.") from None


def _worth_another_try(answer: requests.Response) -> bool:
    return answer.status_code in (408, 429) or answer.status_code >= 500


def _expired(answer: requests.Response) -> bool:
    if answer.status_code in (404, 410):  # the upload session does not exist any more
        return True
    return answer.status_code in (400, 403) and "ExpiredToken" in answer.text


def _storage_error(answer: requests.Response) -> ClientError:
    said = {
        400: "The storage does not take this zip: it is empty, too large, or the link is spoilt.",
        403: "The upload link is not valid.",
        412: "Another file has been sent to this link already.",
    }
    message = said.get(answer.status_code, f"The storage answered {answer.status_code}.")
    return ClientError(f"http_{answer.status_code}", message)
