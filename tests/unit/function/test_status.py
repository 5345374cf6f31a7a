"""Where a job stands, its results, and fresh upload links."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from jobs.errors import CODES
from jobs.job import FileEntry, JobError, Lease, Progress, Status
from jobs.shown import CandidateShown, PointShown
from tests.unit.function.conftest import HTML, PUBLIC_URL, Front

STATUS_KEYS = {
    "job_id", "status", "stage", "progress", "message", "created_at", "uploaded_at", "started_at", "finished_at",
    "minutes", "quoted_seconds", "remaining_seconds", "candidates", "curve", "error", "files", "delete_after",
    "continue_url",
    "jobs_before",
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


def test_a_job_that_waits_says_how_many_come_first(front: Front) -> None:
    jobs = []
    for name in ("ada", "bob", "cleo"):
        jobs.append(front.submitted(email=f"{name}@example.org")["job_id"])
        front.upload(jobs[-1])
        front.clock.advance(1)
    told = [front.call("GET", f"/jobs/{job_id}").get_json() for job_id in jobs]
    assert [one["jobs_before"] for one in told] == [0, 1, 2]
    assert told[0]["message"].endswith("as soon as a machine is free. It is the next.")
    assert told[1]["message"].endswith("free. 1 job that came earlier is not done yet.")
    assert b"2 jobs that came earlier are not done yet." in front.call("GET", f"/jobs/{jobs[2]}", headers=HTML).data


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
    progress = Progress(
        "tune", 0.4, "Tuning", 100.0, 60.0, (CandidateShown.from_json(candidate),), (PointShown.from_json(point),)
    )
    front.change(job_id, status=Status.RUNNING, started_at=now, lease=Lease("w", 1), progress=progress)
    answer = front.call("GET", f"/jobs/{job_id}").get_json()
    shown = {"status": "running", "stage": "tune", "progress": 0.4, "message": "Tuning", "minutes": 60}
    shown |= {"quoted_seconds": 100.0, "remaining_seconds": 60.0, "error": None, "files": []}
    assert {key: answer[key] for key in shown} == shown
    keys = ("name", "validation_accuracy", "seconds", "state")
    # What is not finite is not JSON: it is told as null.
    score = {"validation_score": 0.9, "metric": "accuracy"}
    assert answer["candidates"] == [{**{k: candidate[k] for k in keys}, "validation_interval": None, **score}]
    assert answer["curve"] == [
        {
            "phase": "select",
            "epoch": 1,
            "accuracy": 0.5,
            "validation_accuracy": 0.4,
            "validation_score": 0.4,
            "metric": "accuracy",
            "loss": None,
            "validation_loss": 1.5,
        }
    ]
    page = front.call("GET", f"/jobs/{job_id}", headers=HTML)
    assert '<meta http-equiv="refresh"' in page.text
    assert 'aria-current="step">Tuning the best one' in page.text
    assert '<span class="state">as good, within chance</span>' in page.text and "tied" not in page.text


def test_an_error_of_counts_is_no_share_on_the_page_of_a_running_job(front: Front) -> None:
    job_id = front.submitted()["job_id"]
    row = CandidateShown("lite0", validation_score=1.3396, metric="count_error", seconds=136.0, state="chosen")
    now = front.clock.now()
    progress = Progress("tune", 0.4, "Tuning", 100.0, 60.0, (row,), ())
    front.change(job_id, status=Status.RUNNING, started_at=now, lease=Lease("w", 1), progress=progress)
    page = front.call("GET", f"/jobs/{job_id}", headers=HTML).text
    assert "Validation count error" in page and '<td class="number">1.34</td>' in page and "134.0" not in page


def test_the_page_names_networks_by_their_titles_and_shows_no_time_where_none_was_spent(front: Front) -> None:
    job_id = front.submitted()["job_id"]
    rows = (
        CandidateShown("xception", "Xception", 0.9, seconds=23.0, state="chosen"),
        CandidateShown("vgg16", "VGG16", seconds=0.0, state="dropped"),
    )
    progress = Progress("tune", 0.4, "Tuning", 100.0, 60.0, rows, ())
    front.change(job_id, status=Status.RUNNING, started_at=front.clock.now(), lease=Lease("w", 1), progress=progress)
    page = front.call("GET", f"/jobs/{job_id}", headers=HTML).text
    assert '<th scope="row">Xception</th>' in page and '<th scope="row">VGG16</th>' in page
    assert '<td class="number">23 s</td>' in page and "0.0 s" not in page


def test_status_of_a_rejected_job_shows_code_and_message_only(front: Front) -> None:
    job_id = front.submitted()["job_id"]
    error = JobError("one_class", "There is only <b>one</b> folder.", "cats/1.jpg")
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


def test_a_file_that_runs_scripts_is_always_a_download(front: Front, done: str) -> None:
    row = FileEntry(f"{done}/artifacts/1/try.html", 4, "text/html; charset=utf-8")
    front.change(done, files={"try.html": row})
    link = urlsplit(front.call("GET", f"/jobs/{done}/files/try.html").headers["Location"])
    assert parse_qs(link.query)["response-content-disposition"] == ["attachment; filename=try.html"]


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
