"""What every Mailer promises, on every Mailer that there is."""

from __future__ import annotations

import email
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from jobs.mail.mailers import open_mailer
from jobs.mail.message import FileMailer, ListMailer, Mailer, to_message
from jobs.settings import Settings
from tests.unit.mail.letters import PNG, error_mail, report_mail
from tests.unit.mail.mail_servers import Kept, running_server
from tests.unit.mail.mailboxes import KEY, running_mailbox
from tests.unit.report import samples
from vm_worker import report

MAIL = report_mail(report.build(samples.facts(samples.HOSTILE)))


@dataclass(frozen=True)
class Post:
    """A mailer, and what has arrived through it, in order."""

    mailer: Mailer
    arrived: Callable[[], list[EmailMessage]]


def _filed(folder: Path) -> list[EmailMessage]:
    paths = sorted(folder.glob("*.eml"), key=lambda path: int(path.name.partition("-")[0]))
    return [_parsed(path.read_bytes()) for path in paths]


def _parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def _plain(message: EmailMessage, subtype: str) -> str:
    """The text of that subtype; mail ends its lines its own way."""
    body = message.get_body((subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n").strip()


@pytest.fixture(params=["memory", "files", "sendgrid", "smtp"])
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Post]:
    if request.param == "memory":
        kept = ListMailer()
        yield Post(kept, lambda: [_parsed(to_message(mail).as_bytes()) for mail in kept.sent])
    elif request.param == "files":
        yield Post(FileMailer(tmp_path), lambda: _filed(tmp_path))
    elif request.param == "smtp":
        received = Kept()
        with running_server(received) as port:
            settings = Settings(mailer="smtp", smtp_url=f"smtp://127.0.0.1:{port}", sender="m@example.org")
            yield Post(open_mailer(settings, 5), received.messages)
    else:
        with running_mailbox(tmp_path) as url:
            settings = Settings(sendgrid_key=KEY, sendgrid_url=url, sender="m@example.org")
            yield Post(open_mailer(settings, 5), lambda: _filed(tmp_path))


def test_a_mail_arrives_whole(post: Post) -> None:
    post.mailer.send(MAIL)
    (message,) = post.arrived()
    assert message["Subject"] == MAIL.subject and message["Message-ID"] == MAIL.message_id
    assert message["To"].addresses[0].addr_spec == MAIL.to
    assert message["From"].addresses[0].addr_spec == MAIL.sender.rpartition("<")[2].strip("> ")
    assert _plain(message, "plain") == MAIL.text.strip()
    assert _plain(message, "html") == MAIL.html.strip()


def test_its_pictures_come_as_its_page_shows_them(post: Post) -> None:
    post.mailer.send(MAIL)
    (message,) = post.arrived()
    pictures = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert sorted(part["Content-ID"] for part in pictures) == sorted(f"<{picture.cid}>" for picture in MAIL.pictures)
    assert all(part.get_payload(decode=True) == PNG for part in pictures)


def test_further_headers_are_kept_as_they_are(post: Post) -> None:
    post.mailer.send(MAIL)
    (message,) = post.arrived()
    assert MAIL.headers and {name: message[name] for name in MAIL.headers} == MAIL.headers


def test_each_mail_is_one_of_its_own_in_order(post: Post) -> None:
    kinds = ("rejected", "failed", "operator")
    mails = [error_mail(kind, "internal", "Something broke.") for kind in kinds]
    for mail in mails:
        post.mailer.send(mail)
    assert [message["Message-ID"] for message in post.arrived()] == [mail.message_id for mail in mails]


def test_a_mail_that_is_sent_again_shows_as_the_same(post: Post) -> None:
    post.mailer.send(MAIL)
    post.mailer.send(replace(MAIL))
    assert {message["Message-ID"] for message in post.arrived()} == {MAIL.message_id}
