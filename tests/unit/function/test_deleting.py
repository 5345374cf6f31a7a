"""Deleting: by whoever holds the token, completely, and never by a GET."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.errors import LeaseLost, UserError
from jobs.job import MailState, PendingMail, Status
from jobs.mail.letters import Letterhead
from jobs.mail.message import ListMailer
from jobs.mail.postman import Postman
from jobs.queue import Release
from jobs.sweep import clear
from tests.unit.function.conftest import HTML, Down, Front

DELETES: dict[str, Callable[[str, str], tuple[str, str, dict[str, Any]]]] = {
    "DELETE": lambda job_id, token: ("DELETE", f"/jobs/{job_id}?token={token}", {}),
    "DELETE of the delete_url": lambda job_id, token: ("DELETE", f"/jobs/{job_id}/delete?token={token}", {}),
    "the page's form": lambda job_id, token: ("POST", f"/jobs/{job_id}/delete", {"data": {"token": token}}),
}


@pytest.mark.parametrize("how", DELETES.values(), ids=DELETES.keys())
def test_deleting_removes_everything(front: Front, done: str, how: Callable[[str, str], Any]) -> None:
    front.upload(done)
    method, path, more = how(done, front.token(done))
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
    for wrong in (token, front.token(other)):
        method, path, more = how(done, wrong)
        answer = front.call(method, path, **more)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "bad_token")
    assert front.call("GET", f"/jobs/{done}").status_code == 200


def test_a_get_of_the_delete_link_changes_nothing(front: Front, done: str) -> None:
    path = f"/jobs/{done}/delete?token={front.token(done)}"
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
    path = f"/jobs/{done}/delete?token={front.token(done)}"
    token = re.search(r'name="token" value="([^"]+)"', front.call("GET", path, headers=HTML).text)
    assert token is not None
    answer = front.call("POST", path, data={"token": token[1]}, headers=HTML)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "It is gone" in answer.text


def test_a_delete_that_broke_off_is_finished_by_the_next_one(front: Front, done: str) -> None:
    path = f"/jobs/{done}?token={front.token(done)}"
    parts = front.app.parts
    broken = replace(front.buckets, models=Down())
    parts.queue.buckets = broken
    assert front.call("DELETE", path).get_json()["error"]["code"] == "storage_unavailable"
    parts.queue.buckets = front.buckets
    assert list(front.buckets.models.list()) != []
    assert front.call("DELETE", f"/jobs/{done}?token=x").status_code == 404
    assert front.call("DELETE", path).status_code == 404
    assert list(front.buckets.models.list()) == []


def _uploaded(front: Front, job_id: str) -> None:
    front.upload(job_id)


def _running(front: Front, job_id: str) -> None:
    front.upload(job_id)
    assert front.queue.claim(next(front.queue.waiting()), "w") is not None


def _handed_back(front: Front, job_id: str) -> None:
    _running(front, job_id)
    record = front.queue.read(job_id)
    assert record is not None
    front.queue.let_go(record, Release("crashes", "crashed", "it died"))


def _mail_pending(front: Front, job_id: str) -> None:
    _running(front, job_id)
    record = front.queue.read(job_id)
    assert record is not None
    front.queue.reject(record, UserError("one_class", "There is only one."))


def _mail_under_way(front: Front, job_id: str) -> None:
    _mail_pending(front, job_id)
    sending = PendingMail(MailState.SENDING, "w", front.clock.now(), 1)
    front.change(job_id, mails={"rejected": sending})


STATES: dict[str, Callable[[Front, str], None]] = {
    "awaiting its upload": lambda front, job_id: None,
    "uploaded": _uploaded,
    "running": _running,
    "handed back": _handed_back,
    "ended, its mail pending": _mail_pending,
    "ended, its mail under way": _mail_under_way,
}


@pytest.mark.parametrize("bring", STATES.values(), ids=STATES.keys())
def test_a_job_can_be_deleted_at_any_time_of_its_life(front: Front, bring: Callable[[Front, str], None]) -> None:
    job_id = front.submitted()["job_id"]
    bring(front, job_id)
    before = front.queue.read(job_id)
    assert before is not None
    front.buckets.models.put(f"{job_id}/stages/intake.json", b"{}")
    assert front.call("DELETE", f"/jobs/{job_id}?token={front.token(job_id)}").status_code == 200
    assert [list(store.list()) for store in (front.buckets.datasets, front.buckets.models)] == [[], []]
    assert list(front.buckets.emails.list("open/")) == []
    record = front.buckets.emails.get(f"jobs/{job_id}.json")
    assert record is not None
    assert b"ada@" not in record.data and b"example.org" not in record.data  # ids are random and may have "ada"
    # Nothing is mailed any more, and a worker that had it writes nothing more.
    mailer = ListMailer()
    Postman(front.queue, mailer, Letterhead("m@example.org", "o@example.org", "http://h", "s"), "p").deliver(job_id)
    assert mailer.sent == []
    if before.job.status is Status.RUNNING:
        with pytest.raises(LeaseLost):
            front.queue.finish(before, {})
    # Photos that arrive now find nobody.
    front.upload(job_id)
    assert front.call("GET", f"/jobs/{job_id}").status_code == 404
    assert front.call("POST", f"/jobs/{job_id}/upload").status_code == 404
    assert clear(front.queue) == 1
    assert list(front.buckets.datasets.list()) == []
