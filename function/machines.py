"""The group of training machines, which the sweep makes as large as the number of jobs that wait.

The sweep lets the group grow, up to the number of jobs that wait or run. A machine that finds no more work removes
itself (`vm_worker/idle.py`), and the group replaces a machine that Google takes back. A machine whose start failed
cannot remove itself and would cost money without end: after LEFT_SECONDS without any job the sweep empties the group.
https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/resize
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import google.auth
import google.auth.exceptions
import requests
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession

from jobs.queue import Queue

SCOPES = ("https://www.googleapis.com/auth/compute",)
LEFT_SECONDS = 1800.0  # much longer than an idle machine waits for more work
TIMEOUT = 10.0  # seconds; a sweep has less than a minute

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Capacity:
    """The number of training machines; None when their group does not answer."""

    machines: int | None


class MachineGroup:
    """A managed instance group, `projects/<p>/zones/<z>/instanceGroupManagers/<name>`, of 0 to `most` machines."""

    def __init__(self, url: str, most: int, credentials: Credentials | None = None) -> None:
        """Take the group's full address. Without credentials, those of this program's own machine are used."""
        self._url = url
        self._most = most
        self._credentials = credentials
        self._session: AuthorizedSession | None = None
        # Monotonic seconds since which this function has seen no job; None: there was one.
        self._quiet_since: float | None = None

    def __call__(self, queue: Queue) -> Capacity:
        """Make the group as large as the number of jobs if it is smaller; empty it when no job came for long.

        A group that does not answer must not stop the sweep: the result is None then, and the sweep of the next minute
        tries again.
        """
        wanted = min(self._most, sum(1 for _ in queue.waiting()))
        left = self._left(queue, wanted)
        try:
            size = self._size() if wanted or left else 0
            if wanted > size or (left and size):
                self._resize(wanted)
                _log.info("training machines: %d, were %d", wanted, size)
        except (requests.RequestException, google.auth.exceptions.GoogleAuthError, KeyError, ValueError) as error:
            _log.error("the group of training machines does not answer: %s", type(error).__name__)
            return Capacity(None)
        return Capacity(0 if left else max(wanted, size))

    def _left(self, queue: Queue, wanted: int) -> bool:
        """Return whether no job has needed a machine for so long that any machine still there has failed."""
        now = queue.clock.monotonic()
        if wanted or self._quiet_since is None:
            self._quiet_since = None if wanted else now
            return False
        if now - self._quiet_since < LEFT_SECONDS:
            return False
        self._quiet_since = now  # the next check is one whole interval later
        return True

    def _size(self) -> int:
        answer = self._open().get(self._url, timeout=TIMEOUT)
        answer.raise_for_status()
        return int(answer.json()["targetSize"])

    def _resize(self, size: int) -> None:
        self._open().post(f"{self._url}/resize", params={"size": size}, timeout=TIMEOUT).raise_for_status()

    def _open(self) -> AuthorizedSession:
        """Return the session, made when it is first needed: most sweeps find no waiting job."""
        if self._session is None:
            credentials = self._credentials or google.auth.default(scopes=SCOPES)[0]
            self._session = AuthorizedSession(credentials)
        return self._session
