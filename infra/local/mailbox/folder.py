"""The folder of received mails: each as a MIME message for mail programs and as a page for browsers."""

from __future__ import annotations

import html
import mimetypes
import os
import re
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from urllib.parse import quote

from infra.local.mailbox.requests import Attachment, Letter

LINES = SMTP.clone(max_line_length=998)  # the Python default encodes a long link in a header, which then cannot be read


class Folder:
    """A writer of `<n>-<kind>.eml` and `<n>-<kind>.html`; n starts at 1 and continues after a restart."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._turn = threading.Lock()

    def add(self, letter: Letter) -> Path:
        """Write one mail; return the path of the `.eml`, which appears last, when it is complete."""
        with self._turn:
            stem = f"{self._next()}-{letter.kind}"
            pictures = self._pictures(letter, stem)
            self._write(f"{stem}.html", _page(letter, pictures).encode())
            return self._write(f"{stem}.eml", message(letter).as_bytes())

    def _next(self) -> int:
        numbers = [int(match[1]) for path in self._path.iterdir() if (match := re.match(r"(\d+)-", path.name))]
        return max(numbers, default=0) + 1

    def _pictures(self, letter: Letter, stem: str) -> dict[str, str]:
        names = {}
        for number, attachment in enumerate(letter.attachments, 1):
            if attachment.content_id:
                suffix = mimetypes.guess_extension(attachment.type) or ".bin"
                names[attachment.content_id] = f"{stem}-{number}{suffix}"
                self._write(names[attachment.content_id], attachment.data)
        return names

    def _write(self, name: str, data: bytes) -> Path:
        partial = self._path / f".{name}.part"
        partial.write_bytes(data)
        os.replace(partial, self._path / name)
        return self._path / name


def message(letter: Letter) -> EmailMessage:
    """Return the mail as multipart/alternative of text and HTML, the HTML with its pictures as multipart/related."""
    mail = EmailMessage(policy=LINES)
    mail["From"] = letter.sender
    mail["To"] = ", ".join(letter.to)
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    for name, value in letter.headers.items():
        mail[name] = value
    if "Message-ID" not in mail:
        mail["Message-ID"] = make_msgid(domain="mailbox.local")
    _add_contents(mail, letter)
    for attachment in letter.attachments:
        if not attachment.inline:
            main, sub = attachment.type.split("/", 1)
            mail.add_attachment(attachment.data, main, sub, filename=attachment.filename)
    return mail


def _add_contents(mail: EmailMessage, letter: Letter) -> None:
    if letter.text:
        mail.set_content(letter.text)
        if letter.html:
            mail.add_alternative(letter.html, subtype="html")
    else:
        mail.set_content(letter.html, subtype="html")
    page = mail.get_body(("html",))
    for attachment in letter.attachments:
        if attachment.inline and isinstance(page, EmailMessage):
            _relate(page, attachment)


def _relate(page: EmailMessage, attachment: Attachment) -> None:
    main, sub = attachment.type.split("/", 1)
    page.add_related(
        attachment.data, main, sub,
        cid=f"<{attachment.content_id}>", filename=attachment.filename, disposition="inline",
    )  # fmt: skip


def _page(letter: Letter, pictures: dict[str, str]) -> str:
    if not letter.html:
        return f"<!doctype html><meta charset='utf-8'><pre>{html.escape(letter.text)}</pre>"
    return re.sub(
        r"cid:([^\"'\s>)]+)",
        lambda match: quote(pictures[match[1]]) if match[1] in pictures else match[0],
        letter.html,
    )
