"""The parts that all programs of one installation share, opened from its settings."""

from __future__ import annotations

from jobs import telemetry
from jobs.clock import SystemClock
from jobs.mail.letters import Letterhead
from jobs.mail.mailers import open_mailer
from jobs.mail.postman import Postman
from jobs.queue import Queue
from jobs.settings import Settings
from jobs.storage.providers import open_buckets
from jobs.telemetry import Telemetry


def open_queue(settings: Settings, figures: Telemetry | None = None) -> Queue:
    """Open the buckets' jobs; with telemetry, count what is done to them. Raises ValueError for a wrong setting."""
    queue = Queue(open_buckets(settings), SystemClock(), settings.limits, figures)
    if figures is not None:
        figures.observe(telemetry.WAITING, lambda: queue.oldest_waiting_seconds() or 0.0)
    return queue


def open_postman(settings: Settings, queue: Queue, owner: str, timeout: float) -> Postman:
    """Make what sends the mails of these jobs. `owner` names this program; `timeout` is in seconds, for each mail."""
    head = Letterhead(settings.sender, settings.operator, settings.public_url, settings.secret)
    return Postman(queue, open_mailer(settings, timeout), head, owner)
