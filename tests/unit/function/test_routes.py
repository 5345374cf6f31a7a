"""Every other route: status, files, fresh links, deleting, health, and what all answers have in common."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import pytest

from function import main
from jobs.errors import CODES, Transient, Where
from jobs.job import Lease, Progress, Status, new_id
from jobs.options import Options
from jobs.queue import Queue
from jobs.store import Blob, MemoryStore
from tests.unit.function.conftest import PUBLIC_URL, Front

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
STATUS_KEYS = {
    "job_id", "status", "stage", "progress", "message", "created_at", "uploaded_at", "started_at", "finished_at",
    "minutes", "quoted_seconds", "remaining_seconds", "candidates", "curve", "error", "files", "delete_after",
}  # fmt: skip


def test_status_before_and_after_the_upload(front: Front) -> None:
    job_id = front.submitted()["job_id"]
    before = front.call("GET", f"/jobs/{job_id}").get_json()
    assert set(before) == STATUS_KEYS
    assert (before["status"], before["stage"], before["progress"]) == ("awaiting_upload", None, 0.0)
    assert (before["created_at"], before["uploaded_at"]) == ("2026-01-01T00:00:00Z", None)
    front.upload(job_id)
    after = front.call("GET", f"/jobs/{job_id}").get_json()
    assert after["status"] == "uploaded"
    assert after["uploaded_at"] is not None
    record = front.queue.read(job_id)
    assert record is not None and record.job.status is Status.AWAITING_UPLOAD


def test_status_of_a_running_job(front: Front) -> None:
    job_id = front.submitted()["job_id"]
    now = front.clock.now()
    candidate = {"name": "mobilenet", "title": "MobileNet", "validation_accuracy": 0.9, "validation_loss": 0.3}
    candidate |= {
        "validation_interval": [0.8, float("nan")],
        "seconds": 3.5,
        "state": "tied",
        "parameters": 5,
        "note": "",
    }
    point = {"phase": "select", "name": "mobilenet", "epoch": 1, "accuracy": 0.5, "validation_accuracy": 0.4}
    point |= {"loss": float("inf"), "validation_loss": 1.5}
    progress = Progress("tune", 0.4, "Tuning", 100.0, 60.0, (candidate,), (point,))
    front.change(job_id, status=Status.RUNNING, started_at=now, lease=Lease("w", 1), progress=progress)
    answer = front.call("GET", f"/jobs/{job_id}").get_json()
    shown = {"status": "running", "stage": "tune", "progress": 0.4, "message": "Tuning", "minutes": 60}
    shown |= {"quoted_seconds": 100.0, "remaining_seconds": 60.0, "error": None, "files": []}
    assert {key: answer[key] for key in shown} == shown
    keys = ("name", "validation_accuracy", "seconds", "state")
    # What is not finite is not JSON: it is told as null.
    assert answer["candidates"] == [{**{k: candidate[k] for k in keys}, "validation_interval": None}]
    assert answer["curve"] == [
        {
            "phase": "select",
            "epoch": 1,
            "accuracy": 0.5,
            "validation_accuracy": 0.4,
            "loss": None,
            "validation_loss": 1.5,
        }
    ]
    page = front.call("GET", f"/jobs/{job_id}", headers=HTML)
    assert '<meta http-equiv="refresh"' in page.text
    assert 'aria-current="step">Tuning the best one' in page.text


def test_status_of_a_rejected_job_shows_code_and_message_only(front: Front) -> None:
    job_id = front.submitted()["job_id"]
    error = {"code": "one_class", "message": "There is only <b>one</b> folder.", "file": "cats/1.jpg"}
    front.change(job_id, status=Status.REJECTED, started_at=front.clock.now(), error=error)
    answer = front.call("GET", f"/jobs/{job_id}").get_json()
    assert answer["error"] == {"code": "one_class", "message": "There is only <b>one</b> folder."}
    assert (answer["status"], answer["remaining_seconds"]) == ("rejected", 0.0)
    page = front.call("GET", f"/jobs/{job_id}", headers=HTML).text
    assert "&lt;b&gt;one&lt;/b&gt;" in page and "<b>" not in page
    assert CODES["one_class"].advice in page
    assert "http-equiv" not in page


def test_a_done_job_names_its_files(front: Front, done: str) -> None:
    answer = front.call("GET", f"/jobs/{done}").get_json()
    assert (answer["status"], answer["progress"]) == ("done", 1.0)
    url = f"{PUBLIC_URL}/jobs/{done}/files/"
    assert answer["files"] == [
        {"name": "model.h5", "url": f"{url}model.h5", "bytes": 7},
        {"name": "report.html", "url": f"{url}report.html", "bytes": 9},
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("name", "shown"), [("model.h5", "attachment"), ("report.html", "inline")])
def test_a_file_is_a_redirect_to_a_link_of_ten_minutes(
    front: Front, done: str, method: str, name: str, shown: str
) -> None:
    answer = front.call(method, f"/jobs/{done}/files/{name}")
    assert answer.status_code == 302
    link = urlsplit(answer.headers["Location"])
    assert link.path == f"/modelmail-models/{done}/artifacts/1/{name}"
    query = parse_qs(link.query)
    assert query["X-Goog-Expires"] == ["600"]
    assert query["X-Goog-SignedHeaders"] == ["host"]
    assert query["response-content-disposition"] == [f"{shown}; filename={name}"]


@pytest.mark.parametrize("name", ["model.keras", "../model.h5", "artifacts/1/model.h5", "model.h5/", "", "%2e%2e/x"])
def test_only_files_of_the_record(front: Front, done: str, name: str) -> None:
    answer = front.call("GET", f"/jobs/{done}/files/{name}")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "not_found")


def test_a_fresh_link(front: Front) -> None:
    first = front.submitted()
    front.clock.advance(4000)
    answer = front.call("POST", f"/jobs/{first['job_id']}/upload")
    assert answer.status_code == 200
    upload = answer.get_json()["upload"]
    assert set(upload) == set(first["upload"])
    assert upload["expires_at"] == "2026-01-01T02:06:40Z"
    record = front.queue.read(first["job_id"])
    assert record is not None and record.job.link_expires_at == front.clock.now() + timedelta(hours=1)


def test_no_fresh_link_once_the_zip_is_there(front: Front) -> None:
    job_id = front.submitted()["job_id"]
    front.upload(job_id)
    answer = front.call("POST", f"/jobs/{job_id}/upload")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "already_uploaded")


def _token(front: Front, job_id: str) -> str:
    return front.app.parts.links.delete(job_id).rpartition("token=")[2]


DELETES: dict[str, Callable[[str, str], tuple[str, str, dict[str, Any]]]] = {
    "DELETE": lambda job_id, token: ("DELETE", f"/jobs/{job_id}?token={token}", {}),
    "DELETE of the delete_url": lambda job_id, token: ("DELETE", f"/jobs/{job_id}/delete?token={token}", {}),
    "the page's form": lambda job_id, token: ("POST", f"/jobs/{job_id}/delete", {"data": {"token": token}}),
}


@pytest.mark.parametrize("how", DELETES.values(), ids=DELETES.keys())
def test_deleting_removes_everything(front: Front, done: str, how: Callable[[str, str], Any]) -> None:
    front.upload(done)
    method, path, more = how(done, _token(front, done))
    answer = front.call(method, path, **more)
    assert (answer.status_code, answer.get_json()) == (200, {"job_id": done, "status": "deleted"})
    assert list(front.buckets.datasets.list()) == []
    assert list(front.buckets.models.list()) == []
    record = front.queue.read(done)
    assert record is not None
    assert (record.job.status, record.job.email, dict(record.job.files)) == (Status.DELETED, None, {})
    assert front.call("GET", f"/jobs/{done}").status_code == 404
    assert front.call(method, path, **more).status_code == 404


@pytest.mark.parametrize("token", ["", "x", "\u00e9", "a" * 43])
@pytest.mark.parametrize("how", DELETES.values(), ids=DELETES.keys())
def test_deleting_takes_the_token(front: Front, done: str, how: Callable[[str, str], Any], token: str) -> None:
    other = front.submitted("bob@example.org")["job_id"]
    for wrong in (token, _token(front, other)):
        method, path, more = how(done, wrong)
        answer = front.call(method, path, **more)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "bad_token")
    assert front.call("GET", f"/jobs/{done}").status_code == 200


def test_a_get_of_the_delete_link_changes_nothing(front: Front, done: str) -> None:
    path = f"/jobs/{done}/delete?token={_token(front, done)}"
    page = front.call("GET", path, headers=HTML)
    assert page.status_code == 200
    assert '<form method="post">' in page.text
    for headers in (HTML, {}):
        assert front.call("HEAD", path, headers=headers).status_code == 200
    assert front.call("GET", path).status_code == 200
    assert front.call("GET", f"/jobs/{done}").get_json()["status"] == "done"
    wrong = front.call("GET", f"/jobs/{done}/delete?token=x", headers=HTML)
    assert (wrong.status_code, wrong.mimetype) == (403, "text/html")


def test_the_form_of_the_delete_page_works_in_a_browser(front: Front, done: str) -> None:
    path = f"/jobs/{done}/delete?token={_token(front, done)}"
    token = re.search(r'name="token" value="([^"]+)"', front.call("GET", path, headers=HTML).text)
    assert token is not None
    answer = front.call("POST", path, data={"token": token[1]}, headers=HTML)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "It is gone" in answer.text


def test_a_delete_that_broke_off_is_finished_by_the_next_one(front: Front, done: str) -> None:
    path = f"/jobs/{done}?token={_token(front, done)}"
    parts = front.app.parts
    broken = replace(front.buckets, models=_Down())
    parts.queue.buckets = broken
    assert front.call("DELETE", path).get_json()["error"]["code"] == "storage_unavailable"
    parts.queue.buckets = front.buckets
    assert list(front.buckets.models.list()) != []
    assert front.call("DELETE", f"/jobs/{done}?token=x").status_code == 404
    assert front.call("DELETE", path).status_code == 404
    assert list(front.buckets.models.list()) == []


class _Down(MemoryStore):
    """A bucket that does not answer."""

    def list(self, prefix: str = "") -> Any:
        raise Transient("https://storage.example/secret?X-Goog-Signature=abc")

    def get(self, name: str, known: Blob | None = None) -> Blob | None:
        raise Transient("https://storage.example/secret?X-Goog-Signature=abc")


def _expired(front: Front, job_id: str) -> None:
    front.change(job_id, status=Status.EXPIRED)


def _deleted(front: Front, job_id: str) -> None:
    front.queue.delete(job_id)


def _past_its_time(front: Front, job_id: str) -> None:
    front.change(job_id, status=Status.DONE, delete_after=front.clock.now())


IDS: dict[str, str] = {
    "unknown": new_id(),
    "too short": "abc",
    "too long": "a" * 23,
    "line feed at the end": "a" * 22 + "%0A",
    "a path": "..%2F..%2Fjobs%2Fx",
    "other letters": "\u00e4" * 22,
    "null": "a" * 21 + "%00",
}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/{}"),
        ("GET", "/jobs/{}/files/model.h5"),
        ("GET", "/jobs/{}/delete?token=x"),
        ("POST", "/jobs/{}/upload"),
        ("POST", "/jobs/{}/delete?token=x"),
        ("DELETE", "/jobs/{}?token=x"),
    ],
)
def test_whatever_is_not_there_answers_the_same(front: Front, method: str, path: str) -> None:
    bodies = {front.call(method, path.format(job_id)).data for job_id in IDS.values() if "%2F" not in job_id}
    for make_gone in (_expired, _deleted, _past_its_time):
        job_id = front.submitted(f"{make_gone.__name__}@example.org")["job_id"]
        make_gone(front, job_id)
        answer = front.call(method, path.format(job_id))
        assert answer.status_code == 404
        bodies.add(answer.data)
    assert len(bodies) == 1
    assert json.loads(bodies.pop())["error"]["code"] == "not_found"
    assert front.call(method, path.format(IDS["a path"])).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_ids_are_checked_before_any_read(front: Front, method: str) -> None:
    down = _front_on(front, _Down())
    assert down.call(method, f"/jobs/{IDS['too short']}").status_code == 404
    assert down.call(method, f"/jobs/{IDS['unknown']}").status_code == 503


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/", "GET, HEAD, POST"),
        ("OPTIONS", "/", "GET, HEAD, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("POST", "/jobs/" + "a" * 22, "DELETE, GET, HEAD"),
        ("GET", "/jobs/" + "a" * 22 + "/upload", "POST"),
        ("PATCH", "/jobs/" + "a" * 22 + "/delete", "DELETE, GET, HEAD, POST"),
    ],
)
def test_other_methods(front: Front, method: str, path: str, allow: str) -> None:
    answer = front.call(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)
    assert answer.get_json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/nothing", "/jobs", "/jobs/", "/tasks/sweep", "/health/x"])
def test_other_paths(front: Front, path: str) -> None:
    assert front.call("POST", path).status_code in (404, 405)
    assert front.call("GET", path).get_json()["error"]["code"] == "not_found"


def test_health_tells_the_age_of_the_oldest_upload(front: Front) -> None:
    assert front.call("GET", "/health").get_json() == {"status": "ok", "oldest_waiting_seconds": None}
    front.upload(front.submitted()["job_id"])
    assert isinstance(front.call("GET", "/health").get_json()["oldest_waiting_seconds"], float)


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
    ],
)
def test_html_only_when_accept_names_it(front: Front, done: str, accept: str | None, html: bool) -> None:
    for path in ("/", f"/jobs/{done}", "/nothing"):
        answer = front.call("GET", path, headers={"Accept": accept} if accept else {})
        assert answer.mimetype == ("text/html" if html else "application/json")


def test_the_first_page_has_the_commands(front: Front) -> None:
    page = front.call("GET", "/", headers=HTML).text
    assert f"curl -X POST {PUBLIC_URL}/ -d email=" in page
    description = front.call("GET", "/").get_json()
    assert description["submit"]["url"] == f"{PUBLIC_URL}/"
    assert set(description["options"]) == set(Options().to_json())


def test_pages_run_no_script_and_load_nothing(front: Front, done: str) -> None:
    paths = ("/", f"/jobs/{done}", f"/jobs/{done}/delete?token={_token(front, done)}", "/nothing")
    for path in paths:
        answer = front.call("GET", path, headers=HTML)
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"style-src 'nonce-([\w-]+)'", policy)
        assert nonce is not None and f'<style nonce="{nonce[1]}">' in answer.text
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert not re.search(r"<script|\sstyle=|\son\w+=|\ssrc=|<link", answer.text)
        assert '<html lang="en">' in answer.text and answer.text.count("<h1>") == 1


EVERYWHERE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def test_every_answer_carries_the_headers_and_head_has_no_body(front: Front, done: str) -> None:
    for path in ("/", "/health", f"/jobs/{done}", f"/jobs/{done}/files/model.h5", "/nothing"):
        answer, head = front.call("GET", path), front.call("HEAD", path)
        assert EVERYWHERE.items() <= dict(answer.headers).items()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert (head.status_code, head.data) == (answer.status_code, b"")
        assert head.headers["Content-Length"] == answer.headers["Content-Length"] or "files" in path


def test_storage_that_does_not_answer(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    down = _front_on(front, _Down())
    answer = down.call("POST", "/", json={"email": "ada@example.org"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "storage_unavailable")
    assert answer.headers["Retry-After"] == "60"
    assert "Transient" in caplog.text and "Signature" not in caplog.text


class _Broken(_Down):
    """A bucket that breaks in a way that nobody foresaw."""

    def list(self, prefix: str = "") -> Any:
        raise RuntimeError("ada@example.org")


def test_a_bug_shows_no_traceback_and_logs_no_message(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    for headers in ({}, HTML):
        answer = _front_on(front, _Broken()).call("POST", "/", json={"email": "ada@example.org"}, headers=headers)
        assert answer.status_code == 500
        assert "RuntimeError" not in answer.text and "ada@" not in answer.text
    assert "RuntimeError in" in caplog.text and "test_routes.py" in caplog.text
    assert "ada@" not in caplog.text


def _front_on(front: Front, emails: MemoryStore) -> Front:
    parts = front.app.parts
    buckets = replace(front.buckets, emails=emails)
    queue = Queue(buckets, front.clock, parts.settings.limits)
    return Front(main.App(replace(parts, queue=queue)), front.clock, buckets)


def test_logs_hold_no_id_address_token_or_signature(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    submission = front.submitted()
    job_id, token = submission["job_id"], _token(front, submission["job_id"])
    front.call("GET", f"/jobs/{job_id}")
    front.call("POST", f"/jobs/{job_id}/upload")
    front.call("DELETE", f"/jobs/{job_id}?token=wrong")
    front.call("DELETE", f"/jobs/{job_id}?token={token}")
    assert f"job {job_id[:8]} submitted" in caplog.text and f"job {job_id[:8]} deleted" in caplog.text
    for secret in (job_id, token, "ada@", "example.org", "Signature", "203.0.113.7"):
        assert secret not in caplog.text


def test_every_code_of_a_request_is_tested() -> None:
    """Each code of the table stands in a test of this folder, beside the answer that carries it."""
    here = Path(__file__).parent
    text = "".join(path.read_text() for path in here.glob("test_*.py"))
    codes = [row.code for row in CODES.values() if row.where is Where.REQUEST]
    assert [code for code in codes if f'"{code}"' not in text] == []


@pytest.mark.parametrize("missing", ["MODELMAIL_PUBLIC_URL", "MODELMAIL_SECRET", "MODELMAIL_ALLOWED_ADDRESSES"])
def test_a_missing_setting_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"MODELMAIL_PUBLIC_URL": PUBLIC_URL, "MODELMAIL_SECRET": "x", "MODELMAIL_ALLOWED_ADDRESSES": "*"}
    for name in settings:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    answer = main.handle(flask.Request({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "wsgi.url_scheme": "http"}))
    assert answer.status_code == 500
    assert json.loads(answer.get_data())["error"]["code"] == "internal_error"
    assert f"{missing} must be set" in caplog.text


def test_importing_the_function_loads_nothing_heavy() -> None:
    heavy = "{'tensorflow', 'keras', 'numpy', 'PIL', 'pandas', 'matplotlib', 'sklearn', 'h5py'}"
    program = f"import sys, function.main; print(sorted({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[]"
