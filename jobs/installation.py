"""The parts that all programs of one installation share, opened from its settings."""

from __future__ import annotations

from jobs import telemetry
from jobs.clock import SystemClock
from jobs.mail.letters import Letterhead
from jobs.mail.mailers import open_mailer
from jobs.mail.postman import Postman
from jobs.open_jobs import oldest_waiting_seconds
from jobs.queue import Queue
from jobs.settings import Settings
from jobs.storage.providers import open_buckets
from jobs.telemetry import Telemetry


def open_queue(settings: Settings, figures: Telemetry | None = None) -> Queue:
    """Open the queue of jobs in the buckets. With telemetry, count its changes.

    Raises ValueError for a wrong setting.
    """
    queue = Queue(open_buckets(settings), SystemClock(), settings.limits, figures)
    if figures is not None:
        figures.observe(telemetry.WAITING, lambda: oldest_waiting_seconds(queue) or 0.0)
    return queue


def open_postman(settings: Settings, queue: Queue, owner: str, timeout: float) -> Postman:
    """Return the sender of these jobs' mails. `owner` names this program; `timeout` is in seconds, for each mail."""
    head = Letterhead(settings.sender, settings.operator, settings.public_url, settings.secret)
    return Postman(queue, open_mailer(settings, timeout), head, owner)
