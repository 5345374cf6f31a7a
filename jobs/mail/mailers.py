"""The choice of the mailer by the settings. Today there is one: SendGrid, or a server with the same API."""

from __future__ import annotations

from jobs.mail.message import Mailer
from jobs.mail.sendgrid import SendgridMailer
from jobs.settings import Settings

NEEDED = ("sender", "sendgrid_key")  # the settings without which the provider refuses every mail


def open_mailer(settings: Settings, timeout: float) -> Mailer:
    """Return the mailer. `timeout` is in seconds, for each mail."""
    return SendgridMailer(settings.sendgrid_key, settings.sendgrid_url, timeout)


def can_mail(settings: Settings) -> bool:
    """Return whether this program has the settings that mails need."""
    return all(getattr(settings, name) for name in NEEDED)
