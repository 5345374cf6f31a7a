"""Deleting: by whoever holds the token, completely, and never by a GET."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.job import Status
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
