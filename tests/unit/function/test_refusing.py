"""Refusing further mail: by whoever has the mail's link, for that address alone, never by a GET, for ever."""

from __future__ import annotations

import base64

import pytest

from jobs.errors import Transient
from jobs.job import JobError, MailState, PendingMail, Status
from jobs.mail.letters import Letterhead
from jobs.mail.message import ListMailer
from jobs.mail.postman import Postman
from jobs.mail.refusals import PREFIX, is_refused
from jobs.storage.store import MemoryStore, Stat
from jobs.tokens import address_hmac, refusal_token, refusing
from tests.unit.function.conftest import HTML, PUBLIC_URL, SECRET, Front

HMAC = address_hmac(SECRET, "ada@example.org")
TOKEN = refusal_token(SECRET, HMAC)
PATH = f"/refuse/{TOKEN}"
ERROR = JobError("one_class", "There is only one.")
ENDS = {"rejected": Status.REJECTED, "failed": Status.FAILED}


def refusals(front: Front) -> list[str]:
    return [stat.name for stat in front.buckets.emails.list(PREFIX)]


def test_opening_the_link_changes_nothing(front: Front) -> None:
    page = front.call("GET", PATH, headers=HTML)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert '<form method="post">' in page.text
    for headers in (HTML, {}):
        assert front.call("HEAD", PATH, headers=headers).status_code == 200
    assert front.call("GET", PATH).status_code == 200
    assert refusals(front) == []


def test_the_button_refuses_and_may_be_pressed_twice(front: Front) -> None:
    for _ in range(2):
        answer = front.call("POST", PATH, data={"List-Unsubscribe": "One-Click"}, headers=HTML)
        assert (answer.status_code, "You will get no more mails" in answer.text) == (200, True)
    assert refusals(front) == [f"refused/{HMAC}"]
    assert front.buckets.emails.get(f"refused/{HMAC}").data == b""  # type: ignore[union-attr]


@pytest.mark.parametrize("how", [{"data": {"List-Unsubscribe": "One-Click"}}, {"data": b""}], ids=["form", "empty"])
def test_a_mail_programs_one_click_is_enough(front: Front, how: dict[str, object]) -> None:
    answer = front.call("POST", PATH, **how)  # RFC 8058: no cookie, no redirect, no second question
    assert (answer.status_code, answer.get_json()) == (200, {"status": "refused"})
    assert is_refused(front.buckets.emails, HMAC)


def test_a_multipart_one_click_is_enough_too(front: Front) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    answer = front.call("POST", PATH, data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 200
    assert is_refused(front.buckets.emails, HMAC)


FLIPPED = base64.urlsafe_b64encode(
    bytes([base64.urlsafe_b64decode(TOKEN)[0] ^ 1]) + base64.urlsafe_b64decode(TOKEN)[1:]
)
BAD = {
    "another secret": refusal_token("another", HMAC),
    "another's pseudonym": FLIPPED.decode(),
    "the bare pseudonym": HMAC,
    "short": TOKEN[:-1],
    "long": f"{TOKEN}A",
    "no token": "x",
    "line feed": f"{TOKEN[:-1]}%0A",
    "letters": "\u00e9" * 64,
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_nobody_can_refuse_for_others(front: Front, token: str) -> None:
    for method in ("GET", "POST"):
        answer = front.call(method, f"/refuse/{token}")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "not_found")
    assert refusals(front) == []


def test_a_token_tells_no_address_and_no_other_capability() -> None:
    assert refusing(SECRET, TOKEN) == HMAC
    assert len(TOKEN) == 64
    assert "ada" not in TOKEN
    # The same address in another spelling has the same token: one refusal covers them.
    assert refusal_token(SECRET, address_hmac(SECRET, "Ada+tag@Example.ORG")) == TOKEN


def postman(front: Front, mailer: ListMailer) -> Postman:
    head = Letterhead("modelmail@example.org", "operator@example.org", PUBLIC_URL, SECRET)
    return Postman(front.queue, mailer, head, "p")


def ended(front: Front, email: str, kinds: tuple[str, ...]) -> str:
    job_id = str(front.submitted(email)["job_id"])
    mails = {kind: PendingMail() for kind in kinds}
    front.change(job_id, status=ENDS[kinds[0]], error=ERROR, finished_at=front.clock.now(), mails=mails)
    return job_id


@pytest.mark.parametrize("kinds", [("rejected",), ("failed", "operator")])
def test_a_refusing_address_is_served_but_never_mailed(front: Front, kinds: tuple[str, ...]) -> None:
    front.call("POST", PATH)
    mailer = ListMailer()
    job_id = ended(front, "ADA+news@example.org", kinds)  # 201 as for everybody
    postman(front, mailer).deliver(job_id)
    assert [mail.kind for mail in mailer.sent] == [kind for kind in kinds if kind == "operator"]
    record = front.queue.read(job_id)
    assert record is not None
    assert (record.job.mails[kinds[0]].state, record.job.settled, record.job.email) == (MailState.REFUSED, True, None)
    assert front.call("GET", f"/jobs/{job_id}").get_json()["error"]["code"] == "one_class"
    assert list(front.buckets.emails.list("open/")) == []


def test_others_go_on_getting_theirs_and_the_refusal_has_no_end(front: Front) -> None:
    front.call("POST", PATH)
    front.clock.advance(10 * 365 * 24 * 3600.0)
    mailer = ListMailer()
    for email in ("ada@example.org", "bob@example.org"):
        postman(front, mailer).deliver(ended(front, email, ("rejected",)))
    assert [mail.to for mail in mailer.sent] == ["bob@example.org"]


def test_the_mails_own_link_is_the_one_that_works(front: Front) -> None:
    mailer = ListMailer()
    postman(front, mailer).deliver(ended(front, "ada@example.org", ("rejected",)))
    link = mailer.sent[0].headers["List-Unsubscribe"].strip("<>")
    assert link == f"{PUBLIC_URL}{PATH}"
    assert front.call("POST", link.removeprefix(PUBLIC_URL)).status_code == 200
    assert is_refused(front.buckets.emails, HMAC)


def test_while_nobody_knows_whether_mail_is_wanted_none_is_sent(front: Front) -> None:
    class Unsure(MemoryStore):
        down = True

        def stat(self, name: str) -> Stat | None:
            if self.down and name.startswith(PREFIX):
                raise Transient("503")
            return super().stat(name)

    emails = Unsure(front.clock)
    unsure = front.on(emails)
    mailer = ListMailer()
    job_id = ended(unsure, "ada@example.org", ("rejected",))
    postman(unsure, mailer).deliver(job_id)
    assert mailer.sent == []
    emails.down = False
    front.clock.advance(60)
    postman(unsure, mailer).deliver(job_id)
    assert [mail.kind for mail in mailer.sent] == ["rejected"]
