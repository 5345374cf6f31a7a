"""A mail as a value, the port that sends mails, and two mailers that keep mails instead of sending them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol

from jobs.errors import ModelmailError, Transient

# Without a limit: at 78 characters, a long List-Unsubscribe becomes an encoded word, which no program reads as a link.
LINES = SMTP.clone(max_line_length=998, cte_type="7bit")  # not every mail server takes 8 bits


class Misconfigured(Transient):
    """The error of a mailer's settings: the provider does not accept the key, the login or the sender.

    Only the operator can mend it. The mail waits, as its recipient has no part in it.
    """


class Undeliverable(ModelmailError):
    """The error of a mail that the provider will never accept."""


@dataclass(frozen=True)
class Picture:
    """A picture of a mail; the HTML shows it as `cid:<cid>`."""

    cid: str
    filename: str
    data: bytes  # PNG


@dataclass(frozen=True)
class Mail:
    """A mail that is ready to be sent."""

    kind: str  # report | rejected | failed | operator
    to: str
    sender: str  # "modelmail <models@example.org>" or a bare address
    subject: str  # without any text of users
    text: str
    html: str
    message_id: str  # angle brackets included; equal in every try
    pictures: tuple[Picture, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)  # additional headers


class Mailer(Protocol):
    """A way to send mail."""

    def send(self, mail: Mail) -> None:
        """Send the mail.

        Raises Transient when a later try may succeed, Misconfigured when the operator must act, else Undeliverable.
        """
        ...


class ListMailer:
    """A mailer that keeps mails in memory, in order."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> None:
        """Keep the mail."""
        self.sent.append(mail)


class FileMailer:
    """A mailer that writes each mail as `<n>-<kind>.eml` and as `<n>-<kind>.html`, a page for browsers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, mail: Mail) -> None:
        """Write both files and the pictures beside them."""
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 1 + len(list(self._folder.glob("*.eml")))
        stem = f"{number}-{mail.kind}"
        html = mail.html
        for picture in mail.pictures:
            beside = f"{stem}-{Path(picture.filename).name}"
            (self._folder / beside).write_bytes(picture.data)
            html = html.replace(f'"cid:{picture.cid}"', f'"{beside}"')
        (self._folder / f"{stem}.html").write_text(html, encoding="utf-8")
        (self._folder / f"{stem}.eml").write_bytes(to_message(mail).as_bytes())


def to_message(mail: Mail) -> EmailMessage:
    """Return the mail as MIME: text beside HTML, the pictures related to the HTML."""
    message = EmailMessage(policy=LINES)
    message["From"] = mail.sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Message-ID"] = mail.message_id
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    html = message.get_payload(1)
    if not isinstance(html, EmailMessage):  # impossible, as the line above has made it
        raise TypeError("an alternative is a message of its own")
    for picture in mail.pictures:
        cid = f"<{picture.cid}>"
        html.add_related(picture.data, "image", "png", cid=cid, filename=picture.filename, disposition="inline")
    return message


def without_addresses(answer: str) -> str:
    """Return a provider's answer for a log: on one line, shortened, and without addresses."""
    return re.sub(r"\S+@\S+", "(address)", " ".join(answer.split()))[:200]


def cids(html: str) -> set[str]:
    """Return the content ids that the HTML shows."""
    return set(re.findall(r"cid:([A-Za-z0-9._-]+)", html))
