"""The mailbox: what SendGrid's real client sends lies in the folder, what SendGrid would refuse is refused."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import urllib.error
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests
import sendgrid
from python_http_client import exceptions
from sendgrid.helpers import mail

from infra.local.mailbox.app import MAX_BYTES
from infra.local.mailbox.folder import Folder
from infra.local.mailbox.requests import letters
from tests.servers import running

KEY = "SG.local"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A mailbox's URL and its folder."""
    folder = tmp_path_factory.mktemp("mail")
    arguments = ["infra.local.mailbox", "--port", "0", "--folder", str(folder), "--key", KEY, "--admin"]
    with running(arguments) as (url, _):
        yield url, folder


def body(**changes: Any) -> dict[str, Any]:
    """A good request, changed; None removes a field."""
    good = {
        "personalizations": [{"to": [{"email": "ada@example.org"}]}],
        "from": {"email": "photos@example.org", "name": "Photos"},
        "subject": "Your model",
        "content": [{"type": "text/plain", "value": "text"}, {"type": "text/html", "value": "<p>html</p>"}],
        "categories": ["report"],
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def send(url: str, given: Any, **headers: str) -> requests.Response:
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    sent = {"authorization": f"Bearer {KEY}", "content-type": "application/json", **headers}
    return requests.post(f"{url}/v3/mail/send", data=data, headers=sent, timeout=20)


def read(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def newest(folder: Path) -> Path:
    return max(folder.glob("*.eml"), key=lambda path: int(path.name.split("-")[0]))


def test_a_mail_of_the_real_client(place: tuple[str, Path]) -> None:
    url, folder = place
    subject, html = "Dein Modell für „Äpfel“", '<img src="cid:c1">'
    message = mail.Mail("photos@example.org", "ada@example.org", subject, "text ä", html)
    message.add_attachment(
        mail.Attachment(base64.b64encode(PNG).decode(), "curves.png", "image/png", "inline", mail.ContentId("c1"))
    )
    message.add_attachment(mail.Attachment(base64.b64encode(b"a,b").decode(), "results.csv", "text/csv"))
    message.add_header(mail.Header("Message-ID", "<report.0123456789abcdef@modelmail>"))
    message.add_category(mail.Category("Report / weekly!"))
    answer = sendgrid.SendGridAPIClient(KEY, host=url).send(message)
    assert answer.status_code == 202
    assert answer.headers["X-Message-Id"]

    path = newest(folder)
    found = read(path)
    assert path.name.endswith("-report-weekly.eml")
    assert (found["subject"], found["message-id"]) == (subject, "<report.0123456789abcdef@modelmail>")
    assert (found["from"], found["to"]) == ("photos@example.org", "ada@example.org")
    text, page = found.get_body(("plain",)), found.get_body(("html",))
    assert text is not None and text.get_content().strip() == "text ä"
    assert page is not None and page.get_content().strip() == html
    pictures = [part for part in found.walk() if part.get_content_type() == "image/png"]
    assert [part["content-id"] for part in pictures] == ["<c1>"]
    assert pictures[0].get_payload(decode=True) == PNG
    assert "multipart/related" in {part.get_content_type() for part in found.walk()}
    assert [part.get_filename() for part in found.iter_attachments()] == ["results.csv"]

    shown = path.with_suffix(".html").read_text("utf-8")
    name = shown.split('"')[1]
    assert (folder / name).read_bytes() == PNG


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 202), ("127.0.0.1:80", 202), ("[::1]:80", 202), ("evil.example", 403), ("10.0.0.1", 403)],
)
def test_only_names_of_this_machine_are_answered(place: tuple[str, Path], host: str, status: int) -> None:
    assert send(place[0], body(), host=host).status_code == status


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {KEY}", KEY])
def test_the_key_is_asked_for(place: tuple[str, Path], header: str) -> None:
    answer = send(place[0], body(), authorization=header)
    assert answer.status_code == 401
    assert answer.json() == {
        "errors": [
            {"message": "The provided authorization grant is invalid, expired, or revoked", "field": None, "help": None}
        ]
    }


BAD = [
    # what is wrong, request, field named by the answer
    ("not JSON", b"{", None),
    ("not an object", [], None),
    ("no personalizations", body(personalizations=None), "personalizations"),
    ("empty personalizations", body(personalizations=[]), "personalizations"),
    ("nobody to send to", body(personalizations=[{}]), "personalizations.0.to"),
    ("not an address", body(personalizations=[{"to": [{"email": "ada"}]}]), "personalizations.0.to.0.email"),
    ("two addresses in one", body(personalizations=[{"to": [{"email": "a@b.c,d@e.f"}]}]),
     "personalizations.0.to.0.email"),
    ("the same one twice", body(personalizations=[{"to": [{"email": "a@b.c"}, {"email": "A@b.c"}]}]),
     "personalizations.0"),
    ("no sender", body(**{"from": None}), "from"),
    ("sender that is none", body(**{"from": {"email": "x"}}), "from.email"),
    ("no subject", body(subject=None), "subject"),
    ("empty subject", body(subject=""), "subject"),
    ("subject of two lines", body(subject="a\r\nBcc: x@y.z"), "subject"),
    ("no content", body(content=None), "content"),
    ("empty content", body(content=[]), "content"),
    ("empty text", body(content=[{"type": "text/plain", "value": ""}]), "content.0.value"),
    ("content without type", body(content=[{"value": "a"}]), "content.0.type"),
    ("HTML before text", body(content=body()["content"][::-1]), "content"),
    ("attachment without name", body(attachments=[{"content": "YQ=="}]), "attachments.0.filename"),
    ("attachment not base64", body(attachments=[{"content": "?", "filename": "a"}]), "attachments.0.content"),
    ("odd disposition", body(attachments=[{"content": "YQ==", "filename": "a", "disposition": "x"}]),
     "attachments.0.disposition"),
    ("type with more", body(attachments=[{"content": "YQ==", "filename": "a", "type": "a/b; c"}]),
     "attachments.0.type"),
    ("reserved header", body(headers={"Subject": "x"}), "headers"),
    ("header of two lines", body(headers={"X-A": "a\r\nBcc: x@y.z"}), "headers"),
    ("header name that is none", body(headers={"X A": "a"}), "headers"),
    ("header that is no text", body(headers={"X-A": 1}), "headers"),
    ("categories that are no list", body(categories="report"), "categories"),
    ("a category twice", body(categories=["a", "a"]), "categories"),
    ("eleven categories", body(categories=[str(i) for i in range(11)]), "categories"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "field"), [pytest.param(*row[1:], id=row[0]) for row in BAD])
def test_what_sendgrid_would_refuse(place: tuple[str, Path], given: Any, field: str | None) -> None:
    url, folder = place
    before = set(folder.iterdir())
    answer = send(url, given)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (400, field)
    assert error["message"]
    assert bool(error["help"]) == bool(field)
    assert set(folder.iterdir()) == before


def test_too_large_and_of_another_type(place: tuple[str, Path]) -> None:
    url, _ = place
    assert send(url, body(), **{"content-type": "text/plain"}).status_code == 415
    assert send(url, b"x" * (MAX_BYTES + 1)).status_code == 413
    pieces = iter([b"x" * 1024 * 1024] * (MAX_BYTES // 1024 // 1024 + 1))
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    assert requests.post(f"{url}/v3/mail/send", data=pieces, headers=headers, timeout=20).status_code == 413


def test_failures_can_be_ordered(place: tuple[str, Path]) -> None:
    url, _ = place

    def order(wish: dict[str, int]) -> requests.Response:
        return requests.post(f"{url}/_mailbox/answers", json=wish, timeout=9)

    assert order({"status": 503, "count": 2}).json() == {"waiting": 2}
    order({"status": 429})
    assert [send(url, body()).status_code for _ in range(4)] == [503, 503, 429, 202]
    order({"status": 503})
    with pytest.raises((exceptions.HTTPError, urllib.error.HTTPError)):
        message = mail.Mail("photos@example.org", "ada@example.org", "s", "t")
        sendgrid.SendGridAPIClient(KEY, host=url).send(message)


def test_failures_cannot_be_ordered_unless_asked_for(tmp_path: Path) -> None:
    with running(["infra.local.mailbox", "--port", "0", "--folder", str(tmp_path)]) as (url, _):
        assert requests.post(f"{url}/_mailbox/answers", json={"status": 503}, timeout=9).status_code == 404
        assert send(url, body(), authorization="Bearer any").status_code == 202
        assert send(url, body(), authorization="").status_code == 401


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    (letter,) = letters(body(categories=None, content=[{"type": "text/plain", "value": "a < b"}]))
    assert [Folder(tmp_path).add(letter).name for _ in range(11)][-3:] == ["9-mail.eml", "10-mail.eml", "11-mail.eml"]
    assert "a &lt; b" in (tmp_path / "11-mail.html").read_text()


def test_each_personalization_is_a_mail(tmp_path: Path) -> None:
    people = [
        {"to": [{"email": "a@b.c", "name": "A"}], "subject": "one"},
        {"to": [{"email": "d@e.f"}, {"email": "g@h.i"}]},
    ]
    found = [read(Folder(tmp_path).add(letter)) for letter in letters(body(personalizations=people))]
    assert [(mail["to"], mail["subject"]) for mail in found] == [("A <a@b.c>", "one"), ("d@e.f, g@h.i", "Your model")]
