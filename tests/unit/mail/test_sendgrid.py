"""The real SendGrid client against a server that answers as told."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobs.errors import Transient
from jobs.mail.message import Misconfigured, Undeliverable
from jobs.mail.sendgrid import SendgridMailer
from tests.unit.mail.letters import PNG, report_mail
from tests.unit.report import samples
from vm_worker import report

MAIL = report_mail(report.build(samples.facts(samples.HOSTILE)))


class Provider(ThreadingHTTPServer):
    """Answers each POST with `status`, after `delay` seconds, and keeps the request."""

    daemon_threads = True
    status = 202
    body = b""
    delay = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that stopped waiting is what a test wants."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), json.loads(body)))
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests are quiet."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_request_with_everything_in_it(provider: Provider) -> None:
    SendgridMailer("SG.key", provider.url, 5).send(MAIL)
    ((path, headers, body),) = provider.requests
    assert path == "/v3/mail/send"
    assert headers["Authorization"] == "Bearer SG.key"
    assert body["from"] == {"name": "modelmail", "email": "models@example.org"}
    assert body["personalizations"] == [{"to": [{"email": "ada@example.net"}]}]
    assert body["subject"] == MAIL.subject
    assert body["content"] == [{"type": "text/plain", "value": MAIL.text}, {"type": "text/html", "value": MAIL.html}]
    assert body["headers"] == {"Message-ID": MAIL.message_id, **MAIL.headers}
    assert set(MAIL.headers) == {"List-Unsubscribe", "List-Unsubscribe-Post"}
    assert body["categories"] == ["report"]
    assert body["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
        "subscription_tracking": {"enable": False},
    }
    assert {(item["content_id"], item["disposition"], item["type"]) for item in body["attachments"]} == {
        ("curves", "inline", "image/png"),
        ("confusion", "inline", "image/png"),
    }
    assert base64.b64decode(body["attachments"][0]["content"]) == PNG


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_provider_is_asked_again_later_by_someone_else(provider: Provider, status: int) -> None:
    provider.status = status
    with pytest.raises(Transient, match=str(status)):
        SendgridMailer("SG.key", provider.url, 5).send(MAIL)
    assert len(provider.requests) == 1  # no hidden retries


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_the_operators_fault(provider: Provider, status: int) -> None:
    provider.status = status
    provider.body = b'{"errors": [{"message": "The provided authorization grant is invalid, expired, or revoked"}]}'
    with pytest.raises(Misconfigured, match=f"{status}.*invalid, expired, or revoked.*MODELMAIL_SENDGRID_KEY"):
        SendgridMailer("SG.key", provider.url, 5).send(MAIL)
    assert issubclass(Misconfigured, Transient)  # the mail is kept
    assert len(provider.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refusal_is_final_and_its_reason_has_no_address(provider: Provider, status: int) -> None:
    provider.status = status
    provider.body = b'{"errors": [{"message": "Invalid to: ada@example.net", "field": "personalizations.0.to"}]}'
    with pytest.raises(Undeliverable, match=f"{status}.*personalizations.0.to") as caught:
        SendgridMailer("SG.key", provider.url, 5).send(MAIL)
    assert "ada" not in str(caught.value)
    assert len(provider.requests) == 1


def test_silence_is_transient(provider: Provider) -> None:
    provider.delay = 1.0
    started = time.monotonic()
    with pytest.raises(Transient):
        SendgridMailer("SG.key", provider.url, 0.2).send(MAIL)
    assert time.monotonic() - started < 0.9


def test_a_refused_connection_is_transient() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Transient):
        SendgridMailer("SG.key", f"http://127.0.0.1:{port}", 1).send(MAIL)


def test_one_mailer_sends_many(provider: Provider) -> None:
    mailer = SendgridMailer("SG.key", provider.url + "/", 5)
    mailer.send(MAIL)
    mailer.send(MAIL)
    assert [path for path, _, _ in provider.requests] == ["/v3/mail/send"] * 2


def test_an_empty_key_does_not_come_from_the_environment(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.somebody-elses")
    SendgridMailer("", provider.url, 5).send(MAIL)
    assert "somebody" not in provider.requests[0][1]["Authorization"]


def test_nothing_is_logged(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        SendgridMailer("SG.key", provider.url, 5).send(MAIL)
    assert "ada@example.net" not in caplog.text
    assert "SG.key" not in caplog.text
