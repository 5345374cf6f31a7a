"""The worker's composition root: settings in, a polling worker out. Builds every client, once."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
import uuid

from jobs import gcs
from jobs.clock import SystemClock
from jobs.letters import Letterhead
from jobs.mails import Postman
from jobs.queue import Buckets, Queue
from jobs.sendgrid import SendgridMailer
from jobs.settings import Settings
from vm_worker.attempt import Attempt
from vm_worker.tenure import Terms
from vm_worker.worker import Worker

MAIL_TIMEOUT = 30.0  # seconds

log = logging.getLogger(__name__)


def build(settings: Settings, stop: threading.Event) -> Worker:
    """A worker on the real clients."""
    client = gcs.client(settings.storage_url)
    emails, datasets, models = (
        gcs.GcsStore(client.bucket(name))
        for name in (settings.emails_bucket, settings.datasets_bucket, settings.models_bucket)
    )
    queue = Queue(Buckets(emails, datasets, models), SystemClock(), settings.limits)
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:6]}"
    terms = Terms(
        queue,
        Attempt,
        settings.lease_seconds,
        settings.weights,
        settings.download_weights,
        settings.public_url,
        stop.is_set,
    )
    mailer = SendgridMailer(settings.sendgrid_key, settings.sendgrid_url, MAIL_TIMEOUT)
    head = Letterhead(settings.sender, settings.operator, settings.public_url, settings.secret)
    return Worker(terms, Postman(queue, mailer, head, name), name, settings.work)


def main() -> int:
    """Poll until SIGTERM or Ctrl-C; a job in hand is handed back, to go on where it stood."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # Their debug and info lines hold whole URLs.
    for name in ("urllib3", "google", "python_http_client"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = Settings.from_env()
    except ValueError as error:
        log.error("%s", error)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("polling every %g s", settings.poll_seconds)
    build(settings, stop).forever(settings.poll_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
