"""One recipient, and no header that a stranger could have written."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from jobs.job import JobError
from jobs.mail.letters import compose
from jobs.mail.message import Mail, to_message
from jobs.mail.sendgrid import _request
from tests.unit.mail.letters import HEAD, JOB, error_mail, report_mail
from tests.unit.report import samples
from vm_worker import report

NASTY = "x\r\nBcc: eve@example.org\r\n\r\n<b>hi</b>\u2028Bcc: eve@example.org"
OURS = {
    "from", "to", "subject", "message-id", "list-unsubscribe", "list-unsubscribe-post", "mime-version", "content-type",
}  # fmt: skip

MAILS = {
    "report": report_mail(report.build(samples.facts(samples.HOSTILE))),
    "rejected": error_mail("rejected", "one_class", NASTY, NASTY),
    "failed": error_mail("failed", "internal", NASTY, NASTY),
    "operator": error_mail("operator", NASTY, NASTY, NASTY),
}


@pytest.mark.parametrize("mail", MAILS.values(), ids=MAILS.keys())
def test_every_header_is_ours(mail: Mail) -> None:
    message = message_from_bytes(to_message(mail).as_bytes(), policy=default)
    assert {name.lower() for name in message} <= OURS
    assert len(message.keys()) == len({name.lower() for name in message})
    assert [str(address) for address in message["To"].addresses] == [mail.to]
    for name, value in message.items():
        assert "eve@" not in value, name


@pytest.mark.parametrize("mail", MAILS.values(), ids=MAILS.keys())
def test_the_provider_gets_one_recipient_and_our_headers(mail: Mail) -> None:
    request = _request(mail)
    assert request["personalizations"] == [{"to": [{"email": mail.to}]}]
    headers = request["headers"]
    assert isinstance(headers, dict)
    assert set(headers) <= {"Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"}
    assert all("\n" not in value and "\r" not in value for value in headers.values())
    assert "\n" not in mail.subject


@pytest.mark.parametrize(
    "field", [{"email": "ada@example.org\r\nBcc: eve@example.org"}, {"email": "ada@example.org, eve@example.org"}]
)
def test_an_address_that_slipped_through_makes_no_second_recipient(field: dict[str, str]) -> None:
    """The front door refuses such addresses; a record that holds one all the same must not mail two people."""
    job = replace(JOB, error=JobError("one_class", "m"), **field)  # type: ignore[arg-type]
    mail = compose(job, "rejected", HEAD, None, {})
    people = _request(mail)["personalizations"]
    assert people == [{"to": [{"email": field["email"]}]}]  # which the provider refuses, as one address that is none
