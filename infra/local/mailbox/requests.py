"""The check of a `/v3/mail/send` body by SendGrid's rules, and the mails in it as plain values."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message"
RESERVED = frozenset((
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding",
    "to", "from", "subject", "reply-to", "cc", "bcc",
))  # fmt: skip
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a subject defined "
    "or if every personalization has a subject defined."
)
_NO_FROM = (
    "The from object must be provided for every email send. It is an object that requires the email parameter, "
    "but may also contain a name parameter."
)
_NO_TO = (
    "The to array is required for all personalization objects, and must have at least one email object with a valid "
    "email address."
)
_NO_CONTENT = (
    "The content parameter is required. There must be at least one defined content block. We typically suggest both "
    "text/plain and text/html blocks are included, but only one block is required."
)
_TWICE = "Each email address in the personalization block should be unique between to, cc, and bcc."


class BadRequest(Exception):
    """The answer 400, with the reason and the field."""

    def __init__(self, message: str, field: str | None = None, anchor: str | None = None) -> None:
        super().__init__(message)
        self.error = {"message": message, "field": field, "help": f"{HELP}.{anchor}" if anchor else None}


@dataclass(frozen=True)
class Attachment:
    """A file of the mail; `content_id` is set when the HTML shows it by `cid:`."""

    filename: str
    type: str
    data: bytes
    inline: bool
    content_id: str


@dataclass(frozen=True)
class Letter:
    """A mail to one set of recipients."""

    sender: str
    to: Sequence[str]
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    attachments: Sequence[Attachment]
    kind: str  # the first category; "mail" when there is none


def letters(body: Any) -> list[Letter]:
    """Read one mail for each personalization. Raises BadRequest."""
    if not isinstance(body, dict):
        raise BadRequest("Bad Request")
    people = body.get("personalizations")
    if not isinstance(people, list) or not people:
        raise BadRequest("The personalizations field is required and must have at least one personalization.",
                         "personalizations", "personalizations")  # fmt: skip
    sender = _sender(body)
    contents = _contents(body.get("content"))
    attachments = [_attachment(item, f"attachments.{i}") for i, item in enumerate(body.get("attachments") or [])]
    kind = _kind(body.get("categories"))
    text, page = contents.get("text/plain", ""), contents.get("text/html", "")
    return [
        Letter(sender, to, subject, text, page, headers, attachments, kind)
        for to, subject, headers in _personalized(body, people)
    ]


def _personalized(body: Mapping[str, object], people: list[Any]) -> Iterator[tuple[list[str], str, dict[str, str]]]:
    for i, person in enumerate(people):
        field = f"personalizations.{i}"
        if not isinstance(person, dict):
            raise BadRequest("Each personalization must be an object.", field, "personalizations")
        subject = person.get("subject") or body.get("subject")
        if not isinstance(subject, str) or not subject:
            raise BadRequest(_NO_SUBJECT, "subject", "subject")
        if "\r" in subject or "\n" in subject:
            raise BadRequest("The subject must not contain line breaks.", "subject", "subject")
        yield _recipients(person.get("to"), field), subject, _headers({**_dict(body), **_dict(person)})


def _sender(body: Mapping[str, object]) -> str:
    sender = body.get("from")
    if not isinstance(sender, dict):
        raise BadRequest(_NO_FROM, "from", "from")
    if not _valid(sender):
        raise BadRequest("The from email does not contain a valid address.", "from.email", "from")
    return _address(sender)


def _recipients(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or not value:
        raise BadRequest(_NO_TO, f"{field}.to", "personalizations.to")
    seen: set[str] = set()
    for i, entry in enumerate(value):
        if not _valid(entry):
            raise BadRequest("Does not contain a valid address.", f"{field}.to.{i}.email", "personalizations.to")
        if entry["email"].lower() in seen:
            found = f"{_TWICE} We found the first duplicate instance of [{entry['email']}] in the {field}.to field."
            raise BadRequest(found, field, "recipient-errors")
        seen.add(entry["email"].lower())
    return [_address(entry) for entry in value]


def _contents(value: Any) -> dict[str, str]:
    if not isinstance(value, list) or not value:
        raise BadRequest(_NO_CONTENT, "content", "content")
    found: dict[str, str] = {}
    for i, block in enumerate(value):
        kind, text = (block.get("type"), block.get("value")) if isinstance(block, dict) else (None, None)
        if not isinstance(kind, str) or not kind:
            raise BadRequest("The content type is required.", f"content.{i}.type", "content.type")
        if not isinstance(text, str) or not text:
            raise BadRequest("The content value must be a string at least one character in length.",
                             f"content.{i}.value", "content.value")  # fmt: skip
        if kind == "text/plain" and found:
            raise BadRequest("If present, text/plain must be the first content block, followed by text/html.",
                             "content", "content")  # fmt: skip
        found[kind] = text
    return found


def _attachment(item: Any, field: str) -> Attachment:
    if not isinstance(item, dict) or not isinstance(item.get("filename"), str) or not item["filename"]:
        raise BadRequest("The attachment filename is required.", f"{field}.filename", "attachments.filename")
    try:
        data = base64.b64decode(item.get("content") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        data = b""
    if not data:
        raise BadRequest("The attachment content must be base64 encoded.", f"{field}.content", "attachments.content")
    disposition = item.get("disposition") or "attachment"
    if disposition not in ("inline", "attachment"):
        raise BadRequest('The disposition must be either "inline" or "attachment".',
                         f"{field}.disposition", "attachments.disposition")  # fmt: skip
    kind = str(item.get("type") or "application/octet-stream")
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind):
        raise BadRequest("The attachment type cannot contain ; or line breaks.", f"{field}.type", "attachments.type")
    return Attachment(item["filename"], kind, data, disposition == "inline", str(item.get("content_id") or ""))


def _headers(fields: Mapping[str, object]) -> dict[str, str]:
    headers = fields.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise BadRequest("The headers parameter must be an object of strings.", "headers", "headers")
    for name, value in headers.items():
        if name.lower() in RESERVED:
            raise BadRequest(f"The header {name} is reserved and cannot be set.", "headers", "headers")
        if not re.fullmatch(r"[\x21-\x39\x3b-\x7e]+", name) or "\r" in value or "\n" in value:
            raise BadRequest(f"The header {name!r} is not valid.", "headers", "headers")
    return headers


def _kind(categories: Any) -> str:
    if categories is None or categories == []:
        return "mail"
    good = isinstance(categories, list) and all(isinstance(item, str) for item in categories)
    if not good or len(categories) > 10:
        raise BadRequest("The categories parameter must be an array of at most 10 strings.", "categories", "categories")
    if len(set(categories)) != len(categories):
        raise BadRequest("The categories must be unique.", "categories", "categories")
    return re.sub(r"[^a-z0-9_]+", "-", categories[0].lower()).strip("-")[:40] or "mail"


def _dict(value: Mapping[str, object]) -> dict[str, object]:
    return {"headers": value["headers"]} if value.get("headers") else {}


def _valid(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("email"), str) and bool(_ADDRESS.fullmatch(entry["email"]))


def _address(entry: Mapping[str, object]) -> str:
    name = re.sub(r'[\r\n"\\]', " ", str(entry.get("name") or ""))
    return f'"{name}" <{entry["email"]}>' if name else str(entry["email"])
