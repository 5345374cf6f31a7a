"""The mailer for mail servers, against a real one and against one that refuses at each step."""

from __future__ import annotations

import logging
import socket
import ssl
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import Transient
from jobs.mail.mailers import open_mailer
from jobs.mail.message import Misconfigured, Undeliverable
from jobs.mail.smtp import Encryption, Server, SmtpMailer
from jobs.settings import Settings
from tests.unit.mail.letters import report_mail
from tests.unit.mail.mail_servers import Kept, certified, content, one_login, running_server, scripted
from tests.unit.report import samples
from vm_worker import report

MAIL = report_mail(report.build(samples.facts(samples.HOSTILE)))
LOCAL = "127.0.0.1"


def local(port: int, user: str = "", password: str = "") -> SmtpMailer:
    """A mailer to a server of this machine."""
    return SmtpMailer(Server(LOCAL, port, Encryption.NONE, user, password), 5)


def test_the_envelope_names_the_two_addresses_and_no_machine() -> None:
    kept = Kept()
    with running_server(kept) as port:
        local(port).send(MAIL)
    (envelope,), (message,) = kept.envelopes, kept.messages()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("models@example.org", ["ada@example.net"])
    assert kept.names == ["example.org"]
    assert parsedate_to_datetime(message["Date"]).tzinfo is not None
    assert content(envelope).isascii()  # no server need take 8 bits
    assert max(map(len, content(envelope).splitlines())) <= 998


# aiosmtpd does not know that a connection that is encrypted from its start is.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_an_encrypted_mail_arrives_after_the_login(tmp_path: Path, encryption: Encryption) -> None:
    theirs, ours = certified(tmp_path)
    kept = Kept()
    way = (
        {"ssl_context": theirs, "auth_require_tls": False} if encryption is Encryption.TLS else {"tls_context": theirs}
    )
    with running_server(kept, authenticator=one_login("ada", "hush"), auth_required=True, **way) as port:
        SmtpMailer(Server(LOCAL, port, encryption, "ada", "hush"), 5, ours).send(MAIL)
        with pytest.raises(Misconfigured, match=r"535.*MODELMAIL_SMTP_PASSWORD") as caught:
            SmtpMailer(Server(LOCAL, port, encryption, "ada", "wrong"), 5, ours).send(MAIL)
        with pytest.raises(Misconfigured, match="530"):
            SmtpMailer(Server(LOCAL, port, encryption), 5, ours).send(MAIL)
    assert "wrong" not in str(caught.value)
    assert [one.rcpt_tos for one in kept.envelopes] == [["ada@example.net"]]


@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_nothing_is_told_to_a_server_that_cannot_show_who_it_is(tmp_path: Path, encryption: Encryption) -> None:
    theirs, ours = certified(tmp_path)
    way: dict[str, Any] = {"ssl_context": theirs} if encryption is Encryption.TLS else {"tls_context": theirs}
    kept = Kept()
    with running_server(kept, **way) as port:
        with pytest.raises(Misconfigured, match="certificate"):
            SmtpMailer(Server(LOCAL, port, encryption, "ada", "hush"), 5).send(MAIL)
    with running_server(kept, "127.0.0.2", **way) as port:  # trusted, but for other names
        with pytest.raises(Misconfigured, match="certificate"):
            SmtpMailer(Server("127.0.0.2", port, encryption), 5, ours).send(MAIL)
    assert kept.envelopes == []


def test_no_mail_is_sent_without_encryption_to_another_machine() -> None:
    with scripted() as server:
        with pytest.raises(Misconfigured, match="STARTTLS"):
            SmtpMailer(Server(LOCAL, server.server_address[1], Encryption.STARTTLS, "ada", "hush"), 5).send(MAIL)
        assert [line.split(" ")[0] for line in server.lines] == ["ehlo", "quit"]


REFUSALS = {
    # Nobody is at fault for long.
    "a busy server": ({"greeting": "421 busy"}, Transient),
    "a busy login": ({"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "454 later"}, Transient),
    "a sender to be tried later": ({"MAIL": "451 later"}, Transient),
    "a grey list": ({"RCPT": "450 4.2.0 greylisted"}, Transient),
    "a full disk": ({"dot": "452 4.3.1 full"}, Transient),
    "an end before the reply": ({"dot": ""}, Transient),
    "an end at the start": ({"greeting": ""}, Transient),
    "nonsense": ({"RCPT": "hello"}, Transient),
    "a reply that belongs to another command": ({"DATA": "334 ok"}, Transient),
    # The recipient, or what the mail says.
    "an unknown recipient": ({"RCPT": "550 5.1.1 <ada@example.net> unknown"}, Undeliverable),
    "a full mailbox": ({"RCPT": "552 5.2.2 full"}, Undeliverable),
    "refused content": ({"dot": "554 5.6.0 no"}, Undeliverable),
    "refused before the content": ({"DATA": "554 no"}, Undeliverable),
    "too large": ({"MAIL": "552 5.3.4 too large"}, Undeliverable),
    # The operator.
    "no service here": ({"greeting": "554 no"}, Misconfigured),
    "no hello": ({"EHLO": "550 no", "HELO": "550 no"}, Misconfigured),
    "a refused sender": ({"MAIL": "550 5.7.1 not your address"}, Misconfigured),
    "a login is needed": ({"RCPT": "530 5.7.0 log in"}, Misconfigured),
    "a login is needed for the content": ({"dot": "530 log in"}, Misconfigured),
    "no relaying": ({"RCPT": "554 5.7.1 relay access denied"}, Misconfigured),
    "may not send as this": ({"dot": "550 5.7.60 may not send as this sender"}, Misconfigured),
    "no login is offered": ({}, Misconfigured),
    "a refused login": ({"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "535 no"}, Misconfigured),
}


LOGGING_IN = ("a busy login", "no login is offered", "a refused login")


@pytest.mark.parametrize(("replies", "kind"), REFUSALS.values(), ids=REFUSALS.keys())
def test_each_refusal_is_whose_it_is(
    replies: dict[str, str], kind: type[Exception], request: pytest.FixtureRequest
) -> None:
    user, password = ("ada", "hush") if request.node.callspec.id in LOGGING_IN else ("", "")
    with scripted(**replies) as server, pytest.raises(kind) as caught:
        local(server.server_address[1], user, password).send(MAIL)
    assert type(caught.value) is kind
    assert "ada@" not in str(caught.value) and "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(199, Transient), (200, None), (299, None), (300, Transient), (499, Transient), (500, Undeliverable)],
)
def test_the_kind_of_a_reply_is_its_first_digit(code: int, kind: type[Exception] | None) -> None:
    with scripted(dot=f"{code} said") as server:
        if kind is None:
            local(server.server_address[1]).send(MAIL)
            return
        with pytest.raises(kind, match=f"{code}: said"):
            local(server.server_address[1]).send(MAIL)


def test_a_server_that_takes_logins_by_the_older_way() -> None:
    with scripted(EHLO="250-here\r\n250 AUTH LOGIN", AUTH="334 VXNlcm5hbWU6", YWRH="") as server:
        with pytest.raises(Transient):
            local(server.server_address[1], "ada", "hush").send(MAIL)
        assert server.lines[1].startswith("AUTH LOGIN")


@pytest.mark.parametrize(
    ("reply", "kind"), [("550 5.7.1 blocked by its owner", Undeliverable), ("530 5.7.0 log in", Misconfigured)]
)
def test_with_a_login_a_refused_recipient_is_one(reply: str, kind: type[Exception]) -> None:
    replies = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 ok", "RCPT": reply}
    with scripted(**replies) as server, pytest.raises(kind):
        local(server.server_address[1], "ada", "hush").send(MAIL)


@pytest.mark.parametrize("goodbye", ["", "500 no"])
def test_a_mail_that_is_accepted_stays_so_whatever_follows(goodbye: str) -> None:
    with scripted(QUIT=goodbye) as server:
        local(server.server_address[1]).send(MAIL)
        assert "." in server.lines


def test_silence_and_absence_are_transient() -> None:
    with socket.create_server((LOCAL, 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Transient, match="cannot be reached"):
            SmtpMailer(Server(LOCAL, port, Encryption.NONE), 0.2).send(MAIL)
    with pytest.raises(Transient, match="ConnectionRefusedError"):
        local(port).send(MAIL)


@pytest.mark.parametrize("to", ["ada@example.org\r\nRCPT TO:<eve@example.org>", "ada@example.org, eve@example.org"])
def test_an_address_that_slipped_through_reaches_no_server(to: str) -> None:
    with scripted() as server:
        with pytest.raises(Undeliverable):
            local(server.server_address[1]).send(replace(MAIL, to=to))
        assert server.lines == []


def test_lines_that_begin_with_a_dot_arrive_as_they_are() -> None:
    kept = Kept()
    with running_server(kept) as port:
        local(port).send(replace(MAIL, text="one\n.\n..two\n"))
    body = kept.messages()[0].get_body(("plain",))
    assert body is not None and body.get_content().splitlines() == ["one", ".", "..two"]


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        scripted(RCPT="550 no <ada@example.net>") as server,
        pytest.raises(Undeliverable),
    ):
        local(server.server_address[1]).send(MAIL)
    assert "ada@" not in caplog.text


WAYS = {
    "smtp://mail.example.org": Server("mail.example.org", 587, Encryption.STARTTLS),
    "smtp://mail.example.org:25": Server("mail.example.org", 25, Encryption.STARTTLS),
    "smtps://mail.example.org": Server("mail.example.org", 465, Encryption.TLS),
    "smtp://localhost:25": Server("localhost", 25, Encryption.NONE),
    "smtp://127.0.0.1:2525": Server("127.0.0.1", 2525, Encryption.NONE),
    "smtp://[::1]:25": Server("::1", 25, Encryption.NONE),
    "smtps://localhost": Server("localhost", 465, Encryption.TLS),
    "smtp://127.0.0.1.example.org": Server("127.0.0.1.example.org", 587, Encryption.STARTTLS),
    "smtp://localhost.example.org": Server("localhost.example.org", 587, Encryption.STARTTLS),
    "smtp://192.168.0.1": Server("192.168.0.1", 587, Encryption.STARTTLS),
}


@pytest.mark.parametrize(("url", "server"), WAYS.items(), ids=WAYS.keys())
def test_the_address_says_how_to_connect(url: str, server: Server) -> None:
    assert Server.at(url) == server
    given = Server.at(url, "ada", "hush")
    assert (given.user, given.password) == ("ada", "hush") and "hush" not in repr(given)


WRONG = (
    "", "mail.example.org", "mail.example.org:25", "http://mail.example.org", "smtp://", "smtp://:25", "smtp://a:b",
    "smtp://a:99999", "smtp://a/b", "smtp://a?tls=no", "smtp://a..b", "smtp://ada:hush@mail.example.org", "smtp://[::1",
)  # fmt: skip


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_address_is_told_by_its_variable(url: str) -> None:
    with pytest.raises(ValueError, match="MODELMAIL_SMTP_URL") as caught:
        open_mailer(Settings(mailer="smtp", smtp_url=url), 5)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(("user", "password"), [("ada", ""), ("", "hush"), ("ada", "h\u00fcsh")])
def test_half_a_login_or_one_that_smtp_cannot_send_is_told(user: str, password: str) -> None:
    with pytest.raises(ValueError, match="MODELMAIL_SMTP_USER and MODELMAIL_SMTP_PASSWORD"):
        Server.at("smtp://mail.example.org", user, password)


def test_certificates_are_checked_unless_told_otherwise() -> None:
    trust = SmtpMailer(Server.at("smtps://mail.example.org"), 5)._trust
    assert trust.verify_mode is ssl.CERT_REQUIRED and trust.check_hostname
