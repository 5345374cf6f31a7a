"""Which mailer an installation has, and what it must be told for it."""

from __future__ import annotations

import pytest

from jobs.clock import FakeClock
from jobs.installation import open_postman
from jobs.limits import Limits
from jobs.mail.mailers import can_mail, check, open_mailer
from jobs.mail.sendgrid import SendgridMailer
from jobs.mail.smtp import SmtpMailer
from jobs.queue import Queue
from jobs.settings import Settings
from jobs.storage.store import Buckets, MemoryStore
from tests.unit.jobs.queues import claimed
from tests.unit.mail.mail_servers import scripted

WHOLE = {
    "sendgrid": Settings(sender="m@example.org", sendgrid_key="SG.key"),
    "smtp": Settings(sender="m@example.org", mailer="smtp", smtp_url="smtps://mail.example.org"),
}
PARTS = {
    "SENDGRID_KEY": Settings(sender="m@example.org", smtp_url="smtps://mail.example.org"),
    "SMTP_URL": Settings(sender="m@example.org", mailer="smtp", sendgrid_key="SG.key"),
    "SENDER": Settings(sendgrid_key="SG.key"),
}


def test_the_setting_chooses() -> None:
    assert isinstance(open_mailer(WHOLE["sendgrid"], 5), SendgridMailer)
    assert isinstance(open_mailer(WHOLE["smtp"], 5), SmtpMailer)


@pytest.mark.parametrize("settings", WHOLE.values(), ids=WHOLE)
def test_whole_settings_can_mail(settings: Settings) -> None:
    check(settings)
    assert can_mail(settings) is True


@pytest.mark.parametrize(("name", "settings"), PARTS.items(), ids=PARTS)
def test_what_is_missing_is_told(name: str, settings: Settings) -> None:
    assert can_mail(settings) is False
    with pytest.raises(ValueError, match=f"MODELMAIL_{name} must be set"):
        check(settings)


def test_an_installation_mails_in_its_own_name() -> None:
    queue = Queue(Buckets(MemoryStore(), MemoryStore(), MemoryStore()), FakeClock(), Limits())
    job = queue.fail(claimed(queue), "internal", "It broke.").job
    with scripted() as server:
        settings = Settings(
            sender="models@example.org", operator="ops@example.org", public_url="https://m.example.org", secret="key",
            mailer="smtp", smtp_url=f"smtp://127.0.0.1:{server.server_address[1]}",
        )  # fmt: skip
        open_postman(settings, queue, "w1", 5).deliver(job.id)
        envelopes = [
            line.partition(":")[2].partition(">")[0] for line in server.lines if line.startswith(("mail", "rcpt"))
        ]
    assert envelopes == ["<models@example.org", "<ada@example.org", "<models@example.org", "<ops@example.org"]


def test_an_address_that_is_wrong_is_told_before_any_mail() -> None:
    with pytest.raises(ValueError, match="MODELMAIL_SMTP_URL must be smtp://"):
        check(Settings(sender="m@example.org", mailer="smtp", smtp_url="mail.example.org"))
