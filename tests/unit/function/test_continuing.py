"""The front door for a job that continues from an earlier one's model."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from jobs.job import Status
from jobs.options import Options
from jobs.tokens import CONTINUE
from tests.unit.function.conftest import HTML, Front

QUERY = "/?email=ada@example.org"


@pytest.fixture
def earlier(front: Front, done: str) -> str:
    """The id of a job whose model a later one can continue from."""
    now = front.clock.now()
    front.change(done, continues="classification", delete_after=now + timedelta(days=30))
    return done


def base(front: Front, job_id: str) -> str:
    """The continue token as a program sends it."""
    return front.app.parts.addresses.continuing(job_id).partition(CONTINUE)[2]


def ask(front: Front, given: object, **options: object) -> TestResponse:
    return front.call("POST", "/", json={"email": "bea@example.org", "options": {"base": given, **options}})


@pytest.mark.parametrize("whole", [True, False])
def test_the_record_keeps_the_earlier_jobs_id_and_not_its_token(front: Front, earlier: str, whole: bool) -> None:
    link = front.app.parts.addresses.continuing(earlier)
    answer = ask(front, link if whole else base(front, earlier))
    assert answer.status_code == 201, answer.text
    record = front.queue.read(answer.get_json()["job_id"])
    assert record is not None
    assert (record.job.options.base, record.job.options.task) == ((earlier,), "classification")
    kept = front.buckets.emails.get(f"jobs/{record.job.id}.json")
    assert kept is not None
    assert link.rpartition(":")[2].encode() not in kept.data


def test_a_form_may_carry_the_link(front: Front, earlier: str) -> None:
    answer = front.call("POST", "/", data={"email": "bea@example.org", "base": base(front, earlier)})
    assert answer.status_code == 201, answer.text
    assert front.call("POST", "/", data={"email": "bea@example.org", "base": ""}).status_code == 201


def test_whatever_cannot_be_continued_from_is_refused_alike_and_makes_nothing(front: Front, earlier: str) -> None:
    good, other = base(front, earlier), front.submitted()["job_id"]
    expired = front.submitted("cleo@example.org")["job_id"]
    past = front.clock.now() - timedelta(seconds=1)
    front.change(expired, status=Status.DONE, continues="classification", delete_after=past)
    older = front.submitted("dora@example.org")["job_id"]
    front.change(older, status=Status.DONE)
    before = sorted(stat.name for stat in front.buckets.emails.list())
    refused = [
        ask(front, f"{'A' * 22}:{good.rpartition(':')[2]}"),  # unknown
        ask(front, f"{earlier}:{'A' * 43}"),  # another token
        ask(front, f"{earlier}:{base(front, other).rpartition(':')[2]}"),  # the token of another job
        ask(front, f"{earlier}:{front.token(earlier)}"),  # the one that deletes it
        ask(front, base(front, "A" * 22)),  # a token of ours, for a job that never was
        ask(front, base(front, other)),  # not done
        ask(front, base(front, expired)),
        ask(front, base(front, older)),  # a model of the version before
        ask(front, good, task="detection"),
        ask(front, "nonsense"),
        ask(front, good * 100),
    ]
    front.call("DELETE", f"/jobs/{earlier}?token={front.token(earlier)}")
    refused.append(ask(front, good))
    assert {(answer.status_code, answer.text) for answer in refused} == {(404, refused[0].text)}
    assert refused[0].get_json()["error"]["code"] == "unknown_base"
    assert sorted(stat.name for stat in front.buckets.emails.list()) == [
        name for name in before if name != f"open/{earlier}"
    ]


def test_a_query_may_not_carry_the_secret(front: Front, earlier: str) -> None:
    given = base(front, earlier)
    for query in (f"&base={given}", "&options=" + json.dumps({"base": given})):
        answer = front.call("POST", QUERY + query)
        assert answer.status_code == 400
        assert answer.get_json()["error"]["code"] == "bad_option"
        assert given.rpartition(":")[2] not in answer.text


@pytest.fixture
def other(front: Front, earlier: str) -> str:
    """The id of another such job."""
    job_id = str(front.submitted("cleo@example.org")["job_id"])
    ends = front.clock.now() + timedelta(days=30)
    front.change(job_id, status=Status.DONE, continues="classification", delete_after=ends)
    return job_id


def test_of_several_links_the_record_keeps_the_ids(front: Front, earlier: str, other: str) -> None:
    """A list in JSON, or one a line in a field of a form; the same job twice is one."""
    one, two = base(front, earlier), front.app.parts.addresses.continuing(other)
    whole = front.app.parts.addresses.continuing(earlier)
    form = {"email": "bea@example.org", "base": f"{one}\r\n{two}\r\n"}
    for answer in (ask(front, [one, two, whole]), front.call("POST", "/", data=form)):
        assert answer.status_code == 201, answer.text
        record = front.queue.read(answer.get_json()["job_id"])
        assert record is not None
        assert (record.job.options.base, record.job.options.task) == ((earlier, other), "classification")
        kept = front.buckets.emails.get(f"jobs/{record.job.id}.json")
        assert kept is not None
        assert not [link for link in (one, two) if link.rpartition(":")[2].encode() in kept.data]


def test_of_several_links_each_must_lead_to_a_model_of_one_kind(front: Front, earlier: str, other: str) -> None:
    good, second = base(front, earlier), base(front, other)
    refused = [ask(front, [good, "nonsense"]), ask(front, ["nonsense", good])]
    front.change(other, continues="detection")
    refused += [ask(front, [good, second]), ask(front, [second, good], task="classification")]
    front.change(other, continues="")
    refused.append(ask(front, [good, second]))
    assert {(answer.status_code, answer.text) for answer in refused} == {(404, refused[0].text)}
    assert refused[0].get_json()["error"]["code"] == "unknown_base"


def test_too_many_links_two_fields_of_one_name_and_photos_for_several_are_refused(front: Front, earlier: str) -> None:
    """Of two fields of one name a form's reader would take one, and the other would be left out without a word."""
    given, form = base(front, earlier), {"email": "bea@example.org"}
    for answer in (
        front.call("POST", "/", data={**form, "base": [given, given]}),
        ask(front, [f"{given}{number}" for number in range(5)]),
        ask(front, [given, f"{given}2"], add=True),
    ):
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_option")
        assert given not in answer.text
    assert ask(front, f"{given} {given}").status_code == 404


def test_page_and_status_give_the_link_as_long_as_the_model_is_kept(front: Front, earlier: str) -> None:
    link = front.app.parts.addresses.continuing(earlier)
    assert front.call("GET", f"/jobs/{earlier}").get_json()["continue_url"] == link
    page = front.call("GET", f"/jobs/{earlier}", headers=HTML).text
    assert f'href="{link}"' in page
    assert "Until" in page
    front.change(earlier, continues="")
    assert front.call("GET", f"/jobs/{earlier}").get_json()["continue_url"] is None
    assert CONTINUE not in front.call("GET", f"/jobs/{earlier}", headers=HTML).text


def test_photos_are_added_only_to_those_that_the_earlier_job_kept(front: Front, earlier: str) -> None:
    refused = ask(front, base(front, earlier), add=True)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (400, "bad_option")
    assert "kept no photos" in refused.get_json()["error"]["message"]
    front.change(earlier, options=Options(keep_photos=True))
    assert ask(front, base(front, earlier), add="true").status_code == 201
    alone = front.call("POST", "/", json={"email": "bea@example.org", "options": {"add": True}})
    assert alone.get_json()["error"]["code"] == "bad_option"
