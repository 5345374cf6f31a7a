"""The start of a worker: it reads the settings, builds every client once, and polls for jobs."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
import uuid
from pathlib import Path

from jobs import logformat, telemetry
from jobs.installation import open_postman, open_queue
from jobs.logs import keep_out
from jobs.mail import mailers
from jobs.queue import Queue
from jobs.settings import Settings
from jobs.storage import providers
from vm_worker.attempt import Attempt
from vm_worker.idle import Leave
from vm_worker.learn.networks.weights import stock
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.preemption import watch
from vm_worker.scratch_folder import scratch_folder
from vm_worker.spec import Cluster
from vm_worker.strays import clearing
from vm_worker.worker import Worker
from vm_worker.worker_config import Launch, WorkerConfig

MAIL_TIMEOUT = 30.0  # seconds for each request to the mail service

log = logging.getLogger(__name__)


def build(settings: Settings, stop: threading.Event, room: Path, launch: Launch) -> tuple[Worker, Queue]:
    """Build a worker with the real clients and its own folder for scratch files, and its queue."""
    figures = telemetry.opened(settings.telemetry_url, "modelmail-worker")
    queue = open_queue(settings, figures)
    config = WorkerConfig(
        queue,
        launch,
        LeasePolicy(settings.lease_seconds),
        settings.weights,
        settings.download_weights,
        settings.hourly_price,
        stop.is_set,
        Cluster(settings.ray_address, settings.ray_workers, settings.ray_cpus, settings.ray_gpus),
        figures,
        stock(settings.weights, settings.download_weights),
        socket.gethostname(),
    )
    return Worker(config, open_postman(settings, queue, room.name, MAIL_TIMEOUT), room.name, room), queue


def main(launch: Launch = Attempt) -> int:
    """Poll until SIGTERM, Ctrl-C or preemption; return the exit status.

    A running job goes back to the queue and continues from its committed stages. Without a setting that links and mails
    need, it does not start.
    """
    # Their debug and info lines hold whole URLs, which may hold secrets.
    for name in ("urllib3", "google", "python_http_client"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = Settings.from_env()
        providers.provider(settings)  # a wrong address is reported in the same way as any wrong setting
        settings.require("public_url", "secret")
        mailers.check(settings)
        logformat.begin(settings.log_format, settings.project)
    except ValueError as error:
        logging.basicConfig()
        log.error("%s", error)
        return 2
    keep_out(*settings.secrets)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch(settings.metadata_url, stop.set)
    leave = Leave(60 * settings.idle_minutes, settings.metadata_url, settings.compute_url)
    log.info("polling every %g s", settings.poll_seconds)
    with scratch_folder(settings.work, f"{socket.gethostname()}-{uuid.uuid4().hex[:6]}") as room:
        try:
            worker, queue = build(settings, stop, room, launch)
        except ValueError as error:  # no credentials for the storage
            log.error("%s", error)
            return 2
        with clearing(queue, settings.limits.sweep_seconds):
            worker.forever(settings.poll_seconds, leave)
    return 0


if __name__ == "__main__":
    sys.exit(main())
