"""The choice of the mailer by the settings: SendGrid (or a server with the same API), or a mail server by SMTP."""

from __future__ import annotations

from jobs.mail.message import Mailer
from jobs.mail.sendgrid import SendgridMailer
from jobs.mail.smtp import Server, SmtpMailer
from jobs.settings import Settings

# Mailer -> the settings without which it can send no mail.
NEEDED = {"sendgrid": ("sender", "sendgrid_key"), "smtp": ("sender", "smtp_url")}


def open_mailer(settings: Settings, timeout: float) -> Mailer:
    """Return the mailer. `timeout` is in seconds, for each mail. Raises ValueError for a wrong setting."""
    if settings.mailer == "smtp":
        server = Server.at(settings.smtp_url, settings.smtp_user, settings.smtp_password)
        return SmtpMailer(server, timeout)
    return SendgridMailer(settings.sendgrid_key, settings.sendgrid_url, timeout)


def check(settings: Settings) -> None:
    """Check the settings that mails need. Raises ValueError that names the variable."""
    settings.require(*NEEDED[settings.mailer])
    open_mailer(settings, 1.0)


def can_mail(settings: Settings) -> bool:
    """Return whether this program has the settings that mails need."""
    return all(getattr(settings, name) for name in NEEDED[settings.mailer])
