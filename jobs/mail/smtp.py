"""Mails through a mail server (RFC 5321), for an installation without an account at a provider.

The connection is encrypted and the server's certificate is checked, except on this machine itself. What a refusal means
depends on the command that it answers. RCPT is refused for its recipient. MAIL and the login are refused for the
sender. A message may be refused for its content, or, by a code 5.7.x (RFC 3463: security or policy), for its sender.
"""

from __future__ import annotations

import ipaddress
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from enum import StrEnum
from urllib.parse import urlsplit

from jobs.errors import ModelmailError, Transient
from jobs.mail.addresses import is_plain
from jobs.mail.message import Mail, Misconfigured, Undeliverable, to_message, without_addresses

PORTS = {"smtp": 587, "smtps": 465}  # RFC 8314: submission with STARTTLS, and over TLS
PERMANENT = 500  # the lowest reply code of these refusals
LOGIN_NEEDED = 530
TOO_LARGE = 552
_POLICY = re.compile(rb"5\.7\.\d")
_UNUSABLE = (ssl.SSLError, smtplib.SMTPNotSupportedError)
_LOST = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # of a connection that ended, not of one that is not trusted
_ADVICE = "Check MODELMAIL_SMTP_URL, MODELMAIL_SMTP_USER, MODELMAIL_SMTP_PASSWORD and MODELMAIL_SENDER"

Refused = Callable[[int, bytes], type[ModelmailError]]  # a reply's code and text -> the error that it means


class Encryption(StrEnum):
    """The ways of a connection."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # from that command on, before any login; without it no mail is sent
    NONE = "none"  # to this machine only


@dataclass(frozen=True)
class Server:
    """A mail server, and the login for it; both texts are empty where it needs none."""

    host: str
    port: int
    encryption: Encryption
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def at(cls, url: str, user: str = "", password: str = "") -> Server:
        """Read `smtp://host[:port]` or `smtps://host[:port]`. Raises ValueError that names the wrong variable."""
        try:
            parts = urlsplit(url)
            port = parts.port
            (parts.hostname or "").encode("idna")
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in PORTS or not parts.hostname or parts.path or parts.query or parts.fragment:
            raise ValueError("MODELMAIL_SMTP_URL must be smtp://host:port or smtps://host:port")
        if parts.username is not None:
            raise ValueError("MODELMAIL_SMTP_URL has no login: give MODELMAIL_SMTP_USER and MODELMAIL_SMTP_PASSWORD")
        if bool(user) != bool(password):
            raise ValueError("MODELMAIL_SMTP_USER and MODELMAIL_SMTP_PASSWORD must be set together")
        if not (user + password).isascii():
            raise ValueError("MODELMAIL_SMTP_USER and MODELMAIL_SMTP_PASSWORD must be ASCII")
        encryption = Encryption.STARTTLS if parts.scheme == "smtp" else Encryption.TLS
        if encryption is Encryption.STARTTLS and _here(parts.hostname):
            encryption = Encryption.NONE
        return cls(parts.hostname, port or PORTS[parts.scheme], encryption, user, password)


def _here(host: str) -> bool:
    """Return whether the host is this machine, where nobody listens on the way."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SmtpMailer:
    """A mailer that opens one connection a mail, without retries of its own. `timeout` is seconds for each reply."""

    def __init__(self, server: Server, timeout: float, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._timeout = timeout
        self._trust = trust or ssl.create_default_context()  # checks the certificate and its name

    def send(self, mail: Mail) -> None:
        """Send the mail.

        Raises Transient for replies 4yz and a lost connection, Misconfigured for a refused login, sender or
        certificate, Undeliverable for a refused recipient or content.
        """
        if not is_plain(mail.to):
            raise Undeliverable("the recipient is not one plain address")
        message = to_message(mail)
        message["Date"] = format_datetime(datetime.now(UTC))
        _, sender = parseaddr(mail.sender)
        try:
            with self._connected(sender) as connection:
                _check(connection.mail(sender), _of_sender)
                _check(connection.rcpt(mail.to), self._of_recipient)
                _check(_data(connection, message.as_bytes()), _of_content)
        except smtplib.SMTPResponseException as error:  # of the greeting, HELO, STARTTLS or the login
            raise _error(error.smtp_code, _bytes(error.smtp_error), _of_login) from None
        except (OSError, smtplib.SMTPException) as error:
            if isinstance(error, _UNUSABLE) and not isinstance(error, _LOST):
                raise Misconfigured(f"the mail server cannot be used: {error}. {_ADVICE}") from None
            raise Transient(f"the mail server cannot be reached: {type(error).__name__}") from None

    @contextmanager
    def _connected(self, sender: str) -> Iterator[smtplib.SMTP]:
        """Connect, encrypt and log in. The name that is given is the sender's domain: this machine's may be private."""
        server, name = self._server, sender.rpartition("@")[2] or None
        connection = (
            smtplib.SMTP_SSL(server.host, server.port, name, timeout=self._timeout, context=self._trust)
            if server.encryption is Encryption.TLS
            else smtplib.SMTP(server.host, server.port, name, timeout=self._timeout)
        )
        try:
            if server.encryption is Encryption.STARTTLS:
                connection.starttls(context=self._trust)
            connection.ehlo_or_helo_if_needed()
            if server.user:
                _log_in(connection, server)
            yield connection
        finally:
            with suppress(OSError, smtplib.SMTPException):  # a mail that was accepted stays accepted
                connection.quit()

    def _of_recipient(self, code: int, text: bytes) -> type[ModelmailError]:
        """Return the error of a refused RCPT. A server that does not know who sends refuses to relay to anybody."""
        relaying = not self._server.user and _POLICY.match(text)
        return Misconfigured if code == LOGIN_NEEDED or relaying else Undeliverable


def _log_in(connection: smtplib.SMTP, server: Server) -> None:
    """Log in by one mechanism. smtplib's own `login` tries all, and a server that hangs up hides its refusal."""
    connection.user, connection.password = server.user, server.password
    offered = connection.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:
        connection.auth("PLAIN", connection.auth_plain)
    elif "LOGIN" in offered:
        connection.auth("LOGIN", connection.auth_login)
    else:
        raise smtplib.SMTPNotSupportedError("it offers no login by PLAIN or LOGIN")


def _data(connection: smtplib.SMTP, message: bytes) -> tuple[int, bytes]:
    try:
        return connection.data(message)
    except smtplib.SMTPDataError as error:  # the command itself was refused
        return error.smtp_code, _bytes(error.smtp_error)


def _check(reply: tuple[int, bytes], refused: Refused) -> None:
    """Check that a reply is 2yz. Raises Transient, or for 5yz the error that `refused` returns."""
    code, text = reply
    if not 200 <= code < 300:
        raise _error(code, text, refused)


def _error(code: int, text: bytes, refused: Refused) -> ModelmailError:
    said = f"the mail server answered {code}: {without_addresses(text.decode(errors='replace'))}"
    kind = refused(code, text) if code >= PERMANENT else Transient
    return kind(f"{said}. {_ADVICE}" if kind is Misconfigured else said)


def _of_login(code: int, text: bytes) -> type[ModelmailError]:
    return Misconfigured


def _of_sender(code: int, text: bytes) -> type[ModelmailError]:
    return Undeliverable if code == TOO_LARGE else Misconfigured


def _of_content(code: int, text: bytes) -> type[ModelmailError]:
    return Misconfigured if code == LOGIN_NEEDED or _POLICY.match(text) else Undeliverable


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
