"""The sweep that a scheduler starts, in installations whose workers do not always run.

The caller proves by an OIDC token that it is the account of `MODELMAIL_SCHEDULER`. For all others the address does not
exist.
"""

from __future__ import annotations

from collections.abc import Callable

import flask
from werkzeug.exceptions import NotFound

from function import answers
from function.handlers import Parts
from jobs.clock import Clock
from jobs.sweep import clear, retire, sweep

SWEEP_SECONDS = 25.0  # no further job is begun after this time; the platform ends functions after a minute


def run_sweep(parts: Parts, request: flask.Request) -> flask.Response:
    """Expire jobs, end overdue ones, send pending mail, delete old data; answer with the numbers of each."""
    _check_caller(parts, request)
    more = _until(parts.clock, SWEEP_SECONDS)
    deliver = parts.postman.try_to_deliver if parts.postman else _left_alone
    swept = sweep(parts.queue, deliver, more)
    swept.strays = clear(parts.queue, more)
    capacity = parts.capacity(parts.queue)
    swept.deleted = retire(parts.queue, more)  # last: it lists every record, which takes long when there are many
    return answers.data({**vars(swept), "finished": more(), **(vars(capacity) if capacity else {})})


def _check_caller(parts: Parts, request: flask.Request) -> None:
    """Check that the scheduler calls. Raises NotFound, as for an unknown address, and Transient."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = parts.settings.scheduler
    if not wanted or kind.lower() != "bearer" or parts.identity is None:
        raise NotFound
    caller = parts.identity.caller(token.strip())
    if caller is None or caller.lower() != wanted.lower():
        raise NotFound


def _left_alone(job_id: str) -> None:
    """Do nothing: this function may not send mail, and a worker will send it."""


def _until(clock: Clock, seconds: float) -> Callable[[], bool]:
    end = clock.monotonic() + seconds
    return lambda: clock.monotonic() < end
