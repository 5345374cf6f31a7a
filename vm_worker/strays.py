"""The deletion of uploads that no job waits for, while this worker trains.

An upload link works for an hour, also after its job was deleted. On one machine no scheduler calls the sweep, and the
worker itself looks at the uploads only between two jobs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.queue import Queue
from jobs.sweep import clear

STOP_SECONDS = 1.0

log = logging.getLogger(__name__)


@contextmanager
def clearing(queue: Queue, seconds: float) -> Iterator[None]:
    """Delete such uploads again and again, with so many seconds between, in a thread of their own."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(seconds):
            try:
                clear(queue, lambda: not over.is_set())
            except Exception as error:  # the next time may go well
                log.warning("uploads that no job waits for could not be deleted: %s", type(error).__name__)

    thread = threading.Thread(target=work, name="strays", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(STOP_SECONDS)  # a request that hangs must not hold the worker's end up
