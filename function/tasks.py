"""What a scheduler brings about: the sweep, for installations whose workers are not always there.

The caller proves by an OIDC token that it is the one named by `MODELMAIL_SCHEDULER`; to everybody else the
address does not exist.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import flask
from werkzeug.exceptions import NotFound

from function import answers
from function.handlers import Parts
from jobs.clock import Clock
from jobs.errors import Transient
from jobs.sweep import clear, retire, sweep

_log = logging.getLogger(__name__)

SWEEP_SECONDS = 25.0  # no further job is begun after this; functions are ended after a minute


def run_sweep(parts: Parts, request: flask.Request) -> flask.Response:
    """Expire, end what is overdue, send pending mail, delete what is past its time; answers how many of each."""
    _check_caller(parts, request)
    more = _until(parts.clock, SWEEP_SECONDS)
    swept = sweep(parts.queue, _delivery(parts), more)
    swept.strays = clear(parts.queue, more)
    capacity = parts.capacity(parts.queue)
    swept.deleted = retire(parts.queue, more)  # last: it lists every record, which takes long where there are many
    return answers.data({**vars(swept), "finished": more(), **capacity})


def _check_caller(parts: Parts, request: flask.Request) -> None:
    """Raises NotFound, as for an address that nobody serves, unless the scheduler calls. Raises Transient."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = parts.settings.scheduler
    if not wanted or kind.lower() != "bearer" or parts.identity is None:
        raise NotFound
    caller = parts.identity.caller(token.strip())
    if caller is None or caller.lower() != wanted.lower():
        raise NotFound


def _delivery(parts: Parts) -> Callable[[str], None]:
    """A mail that cannot be written must not stop the sweep; the next one tries it again."""

    def deliver(job_id: str) -> None:
        if parts.postman is None:  # this function may not mail: a worker will
            return
        try:
            parts.postman.deliver(job_id)
        except Transient as error:
            _log.warning("job %s: its mail waits: %s", job_id[:8], error)
        except Exception as error:
            _log.error("job %s: its mail could not be written: %s", job_id[:8], type(error).__name__)

    return deliver


def _until(clock: Clock, seconds: float) -> Callable[[], bool]:
    end = clock.monotonic() + seconds
    return lambda: clock.monotonic() < end
