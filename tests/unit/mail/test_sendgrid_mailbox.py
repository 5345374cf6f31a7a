"""The same client against the local mailbox, which checks requests as SendGrid does."""

from __future__ import annotations

import email
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from jobs.mail.message import Misconfigured, Undeliverable
from jobs.mail.sendgrid import SendgridMailer
from tests.unit.mail.letters import error_mail, report_mail
from tests.unit.mail.mailboxes import KEY, running_mailbox
from tests.unit.report import samples
from vm_worker import report


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[str]:
    """The address of a mailbox that writes to `tmp_path`."""
    with running_mailbox(tmp_path) as url:
        yield url


def test_a_report_arrives_whole(mailbox: str, tmp_path: Path) -> None:
    mail = report_mail(report.build(samples.facts(samples.HOSTILE)))
    SendgridMailer(KEY, mailbox, 5).send(mail)
    message = email.message_from_bytes((tmp_path / "1-report.eml").read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    assert message["Message-ID"] == mail.message_id
    assert message["Subject"] == mail.subject
    types = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert sorted(types) == ["image/png", "image/png", "text/html", "text/plain"]
    assert {part["Content-ID"] for part in message.walk()} >= {"<curves>", "<confusion>"}
    assert (tmp_path / "1-report.html").exists()


def test_each_kind_is_filed_under_its_name(mailbox: str, tmp_path: Path) -> None:
    mailer = SendgridMailer(KEY, mailbox, 5)
    for kind in ("rejected", "failed", "operator"):
        mailer.send(error_mail(kind, "internal", "Something broke."))
    assert sorted(path.name for path in tmp_path.glob("*.eml")) == ["1-rejected.eml", "2-failed.eml", "3-operator.eml"]


def test_a_wrong_key_waits_and_a_wrong_address_is_final(mailbox: str, tmp_path: Path) -> None:
    mail = error_mail("failed", "internal", "Something broke.")
    with pytest.raises(Misconfigured, match="401"):
        SendgridMailer("SG.wrong", mailbox, 5).send(mail)
    with pytest.raises(Undeliverable, match="400"):
        SendgridMailer(KEY, mailbox, 5).send(replace(mail, to="nobody"))
    assert list(tmp_path.glob("*.eml")) == []
