"""Mail servers in this process: a real one that keeps what it gets, and one that answers each command as told."""

from __future__ import annotations

import asyncio
import email
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from infra.emulator.tls import ensure_certificate


class Kept:
    """What a mail server has accepted."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.names: list[str] = []  # as each client called itself

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        self.names.append(str(session.host_name))
        return "250 kept"

    def messages(self) -> list[EmailMessage]:
        """The mails, in order."""
        read = [email.message_from_bytes(content(one), policy=default) for one in self.envelopes]
        return [message for message in read if isinstance(message, EmailMessage)]


def content(envelope: Envelope) -> bytes:
    """The message as it came."""
    assert isinstance(envelope.content, bytes)
    return envelope.content


class _Server(Controller):
    """aiosmtpd's own controller, on a free port."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def running_server(kept: Kept, host: str = "127.0.0.1", **options: Any) -> Iterator[int]:
    """A mail server that keeps all it gets; gives its port. The options are those of aiosmtpd."""
    server = _Server(kept, host, 0, **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The context of a server with a certificate for this machine, and that of a client that trusts it."""
    made = ensure_certificate(folder, ())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.certificate, made.key)
    return server, ssl.create_default_context(cafile=str(made.certificate))


def one_login(user: str, password: str) -> Any:
    """What aiosmtpd asks about each login: only this one is right."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        given = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=given, handled=False)

    return check


class Scripted(socketserver.ThreadingTCPServer):
    """Answers each command by its reply, or ends the connection where that is empty; keeps the lines that it got."""

    daemon_threads = True
    usual: Mapping[str, str] = {
        "greeting": "220 ready", "EHLO": "250 here", "HELO": "250 here", "MAIL": "250 ok", "RCPT": "250 ok",
        "DATA": "354 go on", ".": "250 kept", "QUIT": "221 bye",
    }  # fmt: skip

    def __init__(self, replies: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.replies = {**self.usual, **replies}
        self.lines: list[str] = []


class _Answers(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        goes_on, content = self._say("greeting"), False
        while goes_on and (line := self.rfile.readline()):
            text = line.decode().strip()
            if content and text != ".":
                continue
            self.server.lines.append(text)
            command = text.split(" ")[0].upper()
            goes_on = self._say(command)
            content = command == "DATA" and self.server.replies["DATA"].startswith("354")

    def _say(self, command: str) -> bool:
        reply = self.server.replies.get(command, "502 not here")
        if reply:
            self.wfile.write(f"{reply}\r\n".encode())
        return bool(reply)


@contextmanager
def scripted(**replies: str) -> Iterator[Scripted]:
    """A server that answers as told; a name `dot` is the reply to a whole message."""
    if "dot" in replies:
        replies["."] = replies.pop("dot")
    with Scripted(replies) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
