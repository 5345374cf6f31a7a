"""Which way mails leave an installation, by its settings. Today there is one: SendGrid, or what speaks its API."""

from __future__ import annotations

from jobs.mail.message import Mailer
from jobs.mail.sendgrid import SendgridMailer
from jobs.settings import Settings


def open_mailer(settings: Settings, timeout: float) -> Mailer:
    """Make the mailer. `timeout` is in seconds, for each mail."""
    return SendgridMailer(settings.sendgrid_key, settings.sendgrid_url, timeout)


def can_mail(settings: Settings) -> bool:
    """Whether this program was given all that sending takes: without it a mailer's every mail is refused for good."""
    return bool(settings.sendgrid_key and settings.sender)
