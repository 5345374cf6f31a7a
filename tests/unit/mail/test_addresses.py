"""An accepted address is one address, and the same one, to every program that a mail passes."""

from __future__ import annotations

import email
import random
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.policy import compat32, default
from email.utils import getaddresses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from function.submissions import check_email
from infra.local.mailbox import folder, requests
from jobs.errors import UserError
from jobs.mail.addresses import is_plain
from jobs.mail.message import to_message
from jobs.mail.sendgrid import _request
from tests.unit.mail.letters import error_mail

MAIL = error_mail("failed", "internal", "Something broke.")
MANY = 4_000
READ_AS_ANOTHER = {
    "an encoded letter": "=?utf-8?q?=76ictim?=@example.org",
    "an encoded address": "=?utf-8?q?victim=40other.example=3E?=@allowed.example",
    "an encoded comma": "=?utf-8?q?victim=2Ceve?=@allowed.example",
    "an encoded NUL": "=?utf-8?q?eve=00?=@allowed.example",
    "an encoded line break": "=?utf-8?q?eve=0d=0aBcc=3Avictim?=@allowed.example",
    "base64": "=?utf-8?b?dmljdGlt?=@example.org",
    "half an encoded word": "a=?b@example.org",
    "a quoted local part": '"victim@other.example"@allowed.example',
    "quotes that are not needed": '"victim"@example.org',
    "a relay by percent": "victim%other.example@allowed.example",
    "a path by exclamation marks": "other.example!victim@allowed.example",
    "a comment": "victim(ada)@example.org",
    "a route": "@relay.example:victim@example.org",
    "a name": "Victim <victim@example.org>",
    "a domain literal": "victim@[127.0.0.1]",
}
ORDINARY = (
    "ada@example.org",
    "ada.lovelace+photos@mail.example.org",
    "o'brien@example.org",
    "a_b-c=d?e@example.org",
    "#$&*/^`{|}~@example.org",
    "1@xn--bcher-kva.example",
)


@pytest.mark.parametrize("address", READ_AS_ANOTHER.values(), ids=READ_AS_ANOTHER.keys())
def test_an_address_that_may_be_read_as_another_is_refused(address: str) -> None:
    assert not is_plain(address)
    with pytest.raises(UserError) as caught:
        check_email(address)
    assert caught.value.code == "bad_email"


@pytest.mark.parametrize("address", ORDINARY)
def test_an_ordinary_address_is_accepted_as_it_is(address: str) -> None:
    assert is_plain(address)
    assert check_email(address) == address


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"another address.*before the @"):
        check_email("=?utf-8?q?=76ictim?=@example.org")


PIECES = (
    "=?utf-8?q?", "=?us-ascii?b?", "?=", "=?", "=40", "=2C", "=3E", "=00", "=0d=0a", "dmljdGlt", "victim", "ada", "a",
    ".", "..", "+", "%", "!", '"', "\\", "(", ")", "<", ">", ",", ";", ":", " ", "\t", "@", "'", "`", "{", "}", "|", 
    "~", "_", "=", "?", "*", "&", "#", "$", "^", "/", "-", "\u00e9", "\uff20", "\u2024",
    "=?utf-8?q?victim=40other.example=3E?=",
)  # fmt: skip
LOCALS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
DOMAINS = (
    "example.org", "allowed.example", "B\u00fccher.example", "xn--bcher-kva.example", "=?q?.example", "a_b.example",
    "[1.2.3.4]", "example.org.", "a-b.example", "allowed.example@other.example", "allowed.example,other.example",
)  # fmt: skip


def _accepted(address: str) -> str | None:
    try:
        return check_email(address)
    except UserError:
        return None


def _readings(data: bytes) -> list[list[str]]:
    """The recipients as the parsers of Python read them: the modern one, and the old one, decoded and not."""
    modern = email.message_from_bytes(data, policy=default)
    assert isinstance(modern, EmailMessage)
    old: Message = email.message_from_bytes(data, policy=compat32)
    written = str(old["To"])
    return [
        [address.addr_spec for address in modern["To"].addresses],
        [address for _, address in getaddresses([written])],
        [address for _, address in getaddresses([str(make_header(decode_header(written)))])],
    ]


@settings(max_examples=80, deadline=None)
@given(local=LOCALS, domain=st.sampled_from(DOMAINS))
@example(local="=?utf-8?q?victim=40other.example=3E?=", domain="allowed.example")
@example(local="=?utf-8?q?=76ictim?=", domain="example.org")
def test_every_mailer_writes_an_accepted_address_so_that_all_read_it_alike(local: str, domain: str) -> None:
    address = _accepted(f"{local}@{domain}")
    if address is not None:
        check_readings(address)


@pytest.mark.faults
def test_thousands_of_hostile_addresses() -> None:
    chance = random.Random(20)  # noqa: S311 - repeatable
    accepted = 0
    for _ in range(MANY):
        local = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 4)))
        address = _accepted(f"{local}@{chance.choice(DOMAINS)}")
        if address is not None:
            accepted += 1
            check_readings(address)
    print(f"\n{MANY} addresses: {accepted} accepted, and read alike in the mails of every mailer")
    assert 0.02 * MANY < accepted < 0.5 * MANY


def check_readings(address: str) -> None:
    """Write a mail to it by each mailer, and read the address again by every parser."""
    mail = replace(MAIL, to=address)
    request = _request(mail)
    assert request["personalizations"] == [{"to": [{"email": address}]}]
    (letter,) = requests.letters(request)
    for data in (to_message(mail).as_bytes(), folder.message(letter).as_bytes()):
        assert _readings(data) == [[address]] * 3
