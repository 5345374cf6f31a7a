"""The sweep that a scheduler brings about: for the one account that is named, and for nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from function import sweeping
from function.identity import GoogleIdentity
from function.machines import Capacity
from function.main import App
from jobs.clock import FakeClock
from jobs.errors import Transient
from jobs.job import JobError, PendingMail, Status
from jobs.mail.letters import Letterhead
from jobs.mail.message import ListMailer, Mail
from jobs.mail.postman import Postman
from jobs.open_jobs import oldest_waiting_seconds
from jobs.queue import Queue
from tests.unit.function.conftest import PUBLIC_URL, SECRET, Front
from tests.unit.function.issuer import Issuer, running_issuer

SCHEDULER = "scheduler@project.iam.gserviceaccount.com"
AUDIENCE = f"{PUBLIC_URL}/tasks/sweep"
HOUR = 3600.0


@pytest.fixture(scope="module")
def one_issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(one_issuer: Issuer) -> Issuer:
    one_issuer.asked, one_issuer.status = 0, 200
    return one_issuer


@pytest.fixture
def mailer() -> ListMailer:
    return ListMailer()


@pytest.fixture
def service(front: Front, issuer: Issuer, mailer: ListMailer) -> Front:
    """The service with a scheduler, and with mail."""
    return _with(front, issuer, mailer)


def _with(front: Front, issuer: Issuer, mailer: ListMailer, **changes: Any) -> Front:
    scheduled = front.with_settings(scheduler=SCHEDULER)
    parts = scheduled.app.parts
    head = Letterhead("modelmail@example.org", "operator@example.org", PUBLIC_URL, SECRET)
    identity = GoogleIdentity(issuer.url, (PUBLIC_URL, AUDIENCE))
    postman = Postman(parts.queue, mailer, head, "sweep")
    given = {"identity": identity, "postman": postman, **changes}
    return Front(App(replace(parts, **given)), front.clock, front.buckets)


def sweep(front: Front, token: str) -> Any:
    return front.call("POST", "/tasks/sweep", headers={"Authorization": f"Bearer {token}"})


def swept(front: Front, issuer: Issuer) -> dict[str, Any]:
    answer = sweep(front, issuer.token(AUDIENCE, SCHEDULER))
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


@pytest.mark.parametrize("audience", [AUDIENCE, PUBLIC_URL])
def test_the_scheduler_may_sweep(service: Front, issuer: Issuer, audience: str) -> None:
    assert sweep(service, issuer.token(audience, SCHEDULER.upper())).get_json() == {
        "seen": 0, "expired": 0, "failed": 0, "delivered": 0, "closed": 0, "orphans": 0, "deleted": 0, "strays": 0,
        "finished": True,
    }  # fmt: skip


WRONG: dict[str, dict[str, Any]] = {
    "another caller": {"email": "eve@project.iam.gserviceaccount.com"},
    "an unverified address": {"email_verified": False},
    "no address": {"email": None},
    "another audience": {"aud": "https://elsewhere.example.org"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://accounts.example.org"},
    "ended": {"iat": 1, "exp": 2},
    "not yet": {"iat": 99_999_999_999, "exp": 99_999_999_999},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "soon"},
    "an address that is no text": {"email": [SCHEDULER]},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_token_finds_nothing_there(service: Front, issuer: Issuer, changes: dict[str, Any]) -> None:
    refused(service, issuer.token(**{"audience": AUDIENCE, "email": SCHEDULER, **changes}))


def test_a_forged_signature_finds_nothing_there(service: Front, issuer: Issuer) -> None:
    forger = rsa.generate_private_key(65537, 2048)
    refused(service, issuer.token(AUDIENCE, SCHEDULER, forger))
    good = issuer.token(AUDIENCE, SCHEDULER)
    header, claims, signature = good.split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "key-1"}).encode()).decode().rstrip("=")
    for token in (f"{header}.{claims}.", f"{none}.{claims}.", f"{none}.{claims}.{signature}", good[:-6] + "AAAAAA"):
        refused(service, token)
    assert sweep(service, good).status_code == 200


@pytest.mark.parametrize(
    "token", ["", "x", "..", "a.b.c", "\u00e9", "e30.e30.e30", "W10.W10.W10", "bnVsbA.bnVsbA.", "=" * 99]
)
def test_what_is_no_token_finds_nothing_there(service: Front, token: str) -> None:
    refused(service, token)


def refused(front: Front, token: str) -> None:
    """The same answer as at an address that nobody serves."""
    answer = sweep(front, token)
    nowhere = front.call("POST", "/tasks/nothing")
    assert (answer.status_code, answer.data) == (404, nowhere.data)


def test_without_a_token_or_a_scheduler_there_is_nothing(service: Front, front: Front, issuer: Issuer) -> None:
    nowhere = front.call("POST", "/tasks/nothing").data
    token = issuer.token(AUDIENCE, SCHEDULER)
    for answer in (
        service.call("POST", "/tasks/sweep"),
        service.call("GET", "/tasks/sweep", headers={"Authorization": f"Bearer {token}"}),
        service.call("POST", f"/tasks/sweep?token={token}"),
        service.call("POST", "/tasks/sweep", headers={"Authorization": f"Basic {token}"}),
        sweep(front, token),
        sweep(service.with_settings(scheduler=""), token),
    ):
        assert (answer.status_code, answer.data) == (404, nowhere)


def test_certificates_are_fetched_once_whatever_strangers_send(service: Front, issuer: Issuer) -> None:
    for number in range(5):
        refused(service, f"a.b.{number}")
    swept(service, issuer)
    assert issuer.asked == 1


def test_certificates_that_cannot_be_had_are_asked_for_again(service: Front, issuer: Issuer) -> None:
    issuer.status = 500
    token = issuer.token(AUDIENCE, SCHEDULER)
    assert sweep(service, token).status_code == 503
    issuer.status = 200
    assert sweep(service, token).status_code == 200


def test_a_sweep_does_all_that_a_worker_would(service: Front, issuer: Issuer, mailer: ListMailer) -> None:
    forgotten = service.submitted("bob@example.org")["job_id"]
    overdue = service.submitted("eve@example.org")["job_id"]
    settled = service.submitted("old@example.org")["job_id"]
    service.upload(overdue)
    service.change(settled, status=Status.DONE, delete_after=service.clock.now())
    service.buckets.datasets.put("a" * 22 + ".zip", b"PK")
    service.clock.advance(25 * HOUR)
    assert {name: count for name, count in swept(service, issuer).items() if count} == {
        "seen": 3, "expired": 1, "failed": 1, "delivered": 1, "closed": 1, "strays": 1, "finished": True,
    }  # fmt: skip
    assert sorted(mail.kind for mail in mailer.sent) == ["failed", "operator"]
    assert [status_of(service, one) for one in (forgotten, overdue)] == [Status.EXPIRED, Status.FAILED]
    assert list(service.buckets.datasets.list()) == []


def status_of(front: Front, job_id: str) -> Status:
    record = front.queue.read(job_id)
    assert record is not None
    return record.job.status


def test_a_sweep_deletes_what_is_past_its_retention(service: Front, issuer: Issuer) -> None:
    job_id = service.submitted()["job_id"]
    service.buckets.models.put(f"{job_id}/artifacts/1/model.h5", b"x")
    end = service.clock.now()
    service.change(job_id, status=Status.DONE, delete_after=end)
    service.clock.advance(HOUR)
    small = service.limited(model_days=0)
    assert swept(_with(small, issuer, ListMailer()), issuer)["deleted"] == 1
    assert status_of(service, job_id) is Status.DELETED
    assert list(service.buckets.models.list()) == []


class Slow(ListMailer):
    """Each mail takes ten seconds."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def send(self, mail: Mail) -> None:
        self._clock.advance(10)
        super().send(mail)


def _ended(front: Front, count: int) -> None:
    for number in range(count):
        job_id = front.submitted(f"ada{number}@example.org")["job_id"]
        error = JobError("one_class", "m")
        front.change(job_id, status=Status.REJECTED, error=error, mails={"rejected": PendingMail()})


def test_a_sweep_ends_in_time_and_the_next_ones_do_the_rest(front: Front, issuer: Issuer) -> None:
    roomy = front.limited(jobs_per_client_per_day=100)
    slow = Slow(front.clock)
    service = _with(roomy, issuer, slow)
    _ended(service, 8)
    began = front.clock.monotonic()
    first = swept(service, issuer)
    assert front.clock.monotonic() - began <= sweeping.SWEEP_SECONDS + 10
    assert (first["finished"], first["seen"], len(slow.sent)) == (False, 3, 3)
    for _ in range(4):
        swept(service, issuer)
    assert sorted(mail.to for mail in slow.sent) == [f"ada{number}@example.org" for number in range(8)]


class Choosy(ListMailer):
    """One address is more than it can bear."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def send(self, mail: Mail) -> None:
        if mail.to == "ada1@example.org":
            raise self._error
        super().send(mail)


@pytest.mark.parametrize("error", [Transient("503"), ZeroDivisionError("a bug")])
def test_one_mail_in_trouble_does_not_stop_the_others(front: Front, issuer: Issuer, error: Exception) -> None:
    mailer = Choosy(error)
    service = _with(front, issuer, mailer)
    _ended(service, 3)
    assert swept(service, issuer)["delivered"] == 3
    assert sorted(mail.to for mail in mailer.sent) == ["ada0@example.org", "ada2@example.org"]


def test_a_function_without_a_mail_key_leaves_mail_to_the_workers(front: Front, issuer: Issuer) -> None:
    service = _with(front, issuer, ListMailer(), postman=None)
    _ended(service, 1)
    swept(service, issuer)
    job_id = next(service.buckets.emails.list("jobs/")).name[5:27]
    record = service.queue.read(job_id)
    assert record is not None
    assert record.job.mails == {"rejected": PendingMail()}


def test_a_sweep_can_bring_workers(front: Front, issuer: Issuer) -> None:
    def capacity(queue: Queue) -> Capacity:
        return Capacity(1 if oldest_waiting_seconds(queue) is not None else 0)

    service = _with(front, issuer, ListMailer(), capacity=capacity)
    assert swept(service, issuer)["machines"] == 0
    service.upload(service.submitted()["job_id"])
    assert swept(service, issuer)["machines"] == 1
