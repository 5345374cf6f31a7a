"""A worker that lacks a setting does not start: it would train, and then fail at its mails and links."""

from __future__ import annotations

import pytest

from vm_worker.main import main

NEEDED = {
    "MODELMAIL_PUBLIC_URL": "https://photos.example.org",
    "MODELMAIL_SECRET": "not a secret in tests",
    "MODELMAIL_SENDER": "models@example.org",
    "MODELMAIL_SENDGRID_KEY": "SG.key",
}


@pytest.mark.parametrize("given", ["nothing", "an empty text", "blanks"])
@pytest.mark.parametrize("name", list(NEEDED))
def test_a_worker_without_a_setting_does_not_start(
    name: str, given: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for each, value in NEEDED.items():
        monkeypatch.setenv(each, value)
    if given == "nothing":
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, "" if given == "an empty text" else " " * 20)
    monkeypatch.setenv("MODELMAIL_STORAGE_URL", "http://127.0.0.1:1")
    assert main() == 2
    assert f"{name} must be set" in caplog.text


def _started(monkeypatch: pytest.MonkeyPatch, **given: str) -> int:
    for name in NEEDED:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**NEEDED, "MODELMAIL_SENDGRID_KEY": "", "MODELMAIL_MAILER": "smtp", **given}.items():
        monkeypatch.setenv(name, value)
    return main()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "MODELMAIL_SMTP_URL must be set"),
        ({"MODELMAIL_SMTP_URL": "mail.example.org"}, "MODELMAIL_SMTP_URL must be smtp://host:port"),
        ({"MODELMAIL_SMTP_URL": "smtp://a.example", "MODELMAIL_SMTP_USER": "ada"}, "must be set together"),
        ({"MODELMAIL_MAILER": "post"}, "MODELMAIL_MAILER must be one of sendgrid, smtp"),
    ],
)
def test_a_worker_with_half_a_mail_server_does_not_start(
    given: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert _started(monkeypatch, **given) == 2
    assert told in caplog.text
