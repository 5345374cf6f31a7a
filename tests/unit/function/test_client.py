"""The client against a service that stumbles in every way that networks do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from function.client import CHUNK, TRIES, Client, ClientError
from function.wire import SubmissionAnswer, Upload
from jobs.clock import FakeClock

Answer = tuple[int, bytes]
DROP = (0, b"")  # the connection is closed without an answer
CUT = (-1, b"")  # the connection is closed in the middle of the body
EXPIRED = (400, b"<Error><Code>ExpiredToken</Code></Error>")


class Script:
    """A server that gives prepared answers, path by path, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str, int]] = []  # method, path, bytes of the body
        self.headers: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.asked.append((self.command, self.path, len(body)))
                script.headers.append({name.lower(): value for name, value in self.headers.items()})
                queue = script.answers[self.path]
                status, content = queue.pop(0) if len(queue) > 1 else queue[0]
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(abs(status) if status != -1 else 200)
                self.send_header("Content-Length", str(len(content) if status != -1 else 1000))
                self.end_headers()
                self.wfile.write(content or (b"half" if status == -1 else b""))

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def script() -> Iterator[Script]:
    server = Script()
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with Client(script.url + "/", FakeClock()) as one:
        yield one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "photos.zip"
    file.write_bytes(bytes(2 * CHUNK + 10))
    return file


def submission(script: Script) -> SubmissionAnswer:
    upload = {"url": f"{script.url}/put", "headers": {"x-goog-if-generation-match": "0"}, "max_bytes": 10**7}
    return SubmissionAnswer("id", Upload.from_json(upload), f"{script.url}/jobs/id", f"{script.url}/jobs/id/delete")


def nothing(sent: int, total: int) -> None:
    """Progress that nobody looks at."""


def test_submit_posts_email_and_options(script: Script, client: Client) -> None:
    script.answers["/"] = [(201, b'{"job_id": "id", "upload": {"url": "u"}, "status_url": "s", "delete_url": "d"}')]
    assert client.submit("ada@example.org", {"minutes": 2}) == SubmissionAnswer("id", Upload("u"), "s", "d")
    assert script.headers[0]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((429, b'{"error": {"code": "too_many_jobs", "message": "5 jobs a day"}}'), "too_many_jobs"),
        ((502, b"<html>"), "http_502"),
        ((500, b'{"error": "x"}'), "http_500"),
        ((404, b"[]"), "http_404"),
    ],
)
def test_a_refused_submission_is_asked_once(script: Script, client: Client, answer: Answer, code: str) -> None:
    script.answers["/"] = [answer]
    with pytest.raises(ClientError) as error:
        client.submit("ada@example.org", {})
    assert error.value.code == code
    assert len(script.asked) == 1


def test_upload_sends_the_headers_and_tells_its_progress(script: Script, client: Client, path: Path) -> None:
    script.answers["/put"] = [(200, b"")]
    told: list[tuple[int, int]] = []
    client.upload(submission(script), path, lambda sent, total: told.append((sent, total)))
    size = path.stat().st_size
    assert told == [(0, size), (CHUNK, size), (2 * CHUNK, size), (size, size)]
    assert script.asked == [("PUT", "/put", size)]
    sent = script.headers[0]
    assert (sent["content-length"], sent["x-goog-if-generation-match"]) == (str(size), "0")
    assert "transfer-encoding" not in sent


@pytest.mark.parametrize(
    ("answers", "status", "puts"),
    [
        ([DROP, (200, b"")], None, 2),
        ([(503, b""), (429, b""), (200, b"")], None, 3),
        # The first answer was lost, the object is there.
        ([DROP, (412, b"")], "uploaded", 2),
        ([DROP, (412, b"")], "running", 2),
        ([(503, b""), (412, b"")], "done", 2),
    ],
)
def test_an_upload_survives(
    script: Script, client: Client, path: Path, answers: list[Answer], status: str | None, puts: int
) -> None:
    script.answers["/put"] = answers
    script.answers["/jobs/id"] = [(200, b'{"status": "%s"}' % (status or "never asked").encode())]
    client.upload(submission(script), path, nothing)
    assert [asked[0] for asked in script.asked].count("PUT") == puts
    assert all(size == path.stat().st_size for method, _, size in script.asked if method == "PUT")


@pytest.mark.parametrize(
    ("answer", "code", "puts"),
    [
        ((412, b""), "http_412", 1),  # somebody else's file: the job still waits
        ((403, b"SignatureDoesNotMatch"), "http_403", 1),
        ((400, b"EntityTooLarge"), "http_400", 1),
        ((503, b""), "http_503", TRIES),
    ],
)
def test_an_upload_that_cannot_work(
    script: Script, client: Client, path: Path, answer: Answer, code: str, puts: int
) -> None:
    script.answers["/put"] = [answer]
    script.answers["/jobs/id"] = [(200, b'{"status": "awaiting_upload"}')]
    with pytest.raises(ClientError) as error:
        client.upload(submission(script), path, nothing)
    assert error.value.code == code
    assert [asked[0] for asked in script.asked].count("PUT") == puts


def test_an_upload_to_nowhere(script: Script, client: Client, path: Path) -> None:
    script.answers["/put"] = [DROP]
    with pytest.raises(requests.ConnectionError):
        client.upload(submission(script), path, nothing)
    assert len(script.asked) == TRIES


def test_a_link_that_ended_is_replaced(script: Script, client: Client, path: Path) -> None:
    fresh = b'{"upload": {"url": "%s/fresh", "headers": {}}}' % script.url.encode()
    script.answers |= {"/put": [EXPIRED], "/jobs/id/upload": [(200, fresh)], "/fresh": [(200, b"")]}
    client.upload(submission(script), path, nothing)
    assert [asked[1] for asked in script.asked] == ["/put", "/jobs/id/upload", "/fresh"]


def test_a_link_that_ended_after_the_zip_had_arrived(script: Script, client: Client, path: Path) -> None:
    there = (409, b'{"error": {"code": "already_uploaded", "message": ""}}')
    script.answers |= {"/put": [DROP, EXPIRED], "/jobs/id/upload": [there]}
    client.upload(submission(script), path, nothing)


def test_links_that_always_end(script: Script, client: Client, path: Path) -> None:
    fresh = b'{"upload": {"url": "%s/put", "headers": {}}}' % script.url.encode()
    script.answers |= {"/put": [EXPIRED], "/jobs/id/upload": [(200, fresh)]}
    with pytest.raises(ClientError, match="3 upload links"):
        client.upload(submission(script), path, nothing)


def test_a_job_that_was_deleted_while_it_was_sent(script: Script, client: Client, path: Path) -> None:
    gone = (404, b'{"error": {"code": "not_found", "message": ""}}')
    script.answers |= {"/put": [EXPIRED], "/jobs/id/upload": [gone]}
    with pytest.raises(ClientError) as error:
        client.upload(submission(script), path, nothing)
    assert error.value.code == "not_found"


def test_a_zip_over_the_limit_is_not_sent(script: Script, client: Client, path: Path) -> None:
    small = SubmissionAnswer("id", replace(submission(script).upload, max_bytes=10), "", "")
    with pytest.raises(ClientError) as error:
        client.upload(small, path, nothing)
    assert error.value.code == "too_large_zip"
    assert script.asked == []


@pytest.mark.parametrize("last", ["done", "rejected", "failed"])
def test_follow_ends_with_the_job(script: Script, client: Client, last: str) -> None:
    states = ("awaiting_upload", "running", last)
    script.answers["/jobs/id"] = [(503, b""), DROP, *((200, b'{"status": "%s"}' % one.encode()) for one in states)]
    assert [status.status for status in client.follow(f"{script.url}/jobs/id")] == list(states)


def test_follow_of_a_deleted_job(script: Script, client: Client) -> None:
    script.answers["/jobs/id"] = [(404, b'{"error": {"code": "not_found", "message": "gone"}}')]
    with pytest.raises(ClientError, match="gone"):
        next(client.follow(f"{script.url}/jobs/id"))


def test_download_comes_whole_or_not_at_all(script: Script, client: Client, tmp_path: Path) -> None:
    script.answers["/file"] = [CUT, DROP, (503, b""), (200, b"weights")]
    client.download(f"{script.url}/file", tmp_path / "model.h5")
    assert (tmp_path / "model.h5").read_bytes() == b"weights"
    script.answers["/file"] = [CUT]
    with pytest.raises(requests.RequestException):
        client.download(f"{script.url}/file", tmp_path / "other.h5")
    script.answers["/file"] = [(500, b"")]
    with pytest.raises(ClientError, match="500"):
        client.download(f"{script.url}/file", tmp_path / "other.h5")
    assert not (tmp_path / "other.h5").exists()


def test_the_minutes_that_a_service_allows(script: Script, client: Client) -> None:
    for said, minutes in ((b'{"limits": {"minutes": [2, 240]}}', (2, 240)), (b'{"limits": {}}', None), (b"<", None)):
        script.answers["/"] = [(200, said)]
        assert client.minutes() == minutes
