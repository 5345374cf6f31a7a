"""Mail as MIME, and the twins that keep it."""

from __future__ import annotations

import email
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from jobs.mail.message import FileMailer, ListMailer, to_message, without_addresses
from tests.unit.mail.letters import PNG, report_mail
from tests.unit.report import samples
from vm_worker import report

MAIL = report_mail(report.build(samples.facts(samples.HOSTILE)))


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def unix(text: str) -> str:
    """Mail ends its lines its own way."""
    return text.replace("\r\n", "\n")


def test_text_html_and_pictures_survive_the_journey() -> None:
    message = parsed(to_message(MAIL).as_bytes())
    assert message["To"] == MAIL.to
    assert message["From"] == MAIL.sender
    assert message["Subject"] == MAIL.subject
    assert message["Message-ID"] == MAIL.message_id
    assert {name: message[name] for name in MAIL.headers} == MAIL.headers
    assert message.get_content_type() == "multipart/alternative"
    text, related = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(related, EmailMessage)
    assert unix(text.get_content()) == MAIL.text
    html, *pictures = related.iter_parts()
    assert isinstance(html, EmailMessage)
    assert unix(html.get_content()) == MAIL.html
    assert [picture["Content-ID"] for picture in pictures] == ["<curves>", "<confusion>"]
    assert all(picture.get_payload(decode=True) == PNG for picture in pictures)


def test_no_line_is_too_long_for_a_mail_server() -> None:
    assert max(map(len, to_message(MAIL).as_bytes().splitlines())) <= 998


def test_a_header_is_folded_before_a_line_is_too_long() -> None:
    long = replace(MAIL, headers={"X-Long": "a" * 991 + " b"})
    assert max(map(len, to_message(long).as_bytes().splitlines())) <= 998


def test_a_providers_answer_is_one_short_line_without_addresses() -> None:
    assert without_addresses(" no \r\n <ada@example.org>\tis known ") == "no (address) is known"
    assert without_addresses("x" * 201) == "x" * 200


def test_a_link_in_a_header_stays_readable_as_it_is() -> None:
    line = next(line for line in to_message(MAIL).as_bytes().splitlines() if line.startswith(b"List-Unsubscribe:"))
    assert line.decode() == f"List-Unsubscribe: {MAIL.headers['List-Unsubscribe']}"


def test_list_mailer_keeps_what_it_is_given() -> None:
    mailer = ListMailer()
    mailer.send(MAIL)
    assert mailer.sent == [MAIL]


def test_file_mailer_numbers_mails_and_shows_their_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "of no one" / "mail"  # neither is there yet
    mailer = FileMailer(folder)
    mailer.send(MAIL)
    mailer.send(MAIL)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        *("1-report-confusion.png", "1-report-curves.png", "1-report.eml", "1-report.html"),
        *("2-report-confusion.png", "2-report-curves.png", "2-report.eml", "2-report.html"),
    ]
    html = (folder / "2-report.html").read_text(encoding="utf-8")
    assert 'src="2-report-curves.png"' in html
    assert "cid:" not in html
    assert parsed((folder / "1-report.eml").read_bytes())["Message-ID"] == MAIL.message_id
