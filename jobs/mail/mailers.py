"""The choice of the mailer by the settings. Today there is one: SendGrid, or a server with the same API."""

from __future__ import annotations

from jobs.mail.message import Mailer
from jobs.mail.sendgrid import SendgridMailer
from jobs.settings import Settings


def open_mailer(settings: Settings, timeout: float) -> Mailer:
    """Return the mailer. `timeout` is in seconds, for each mail."""
    return SendgridMailer(settings.sendgrid_key, settings.sendgrid_url, timeout)


def can_mail(settings: Settings) -> bool:
    """Return whether this program has a key and a sender: without them the provider refuses every mail for good."""
    return bool(settings.sendgrid_key and settings.sender)
