"""A watch on the metadata server for preemption: the cloud takes a Spot machine back up to 30 s after the notice.

https://cloud.google.com/compute/docs/instances/create-use-preemptible, "Detect preemption": the value
`instance/preempted` becomes TRUE; a request with `wait_for_change` is answered when the value changes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import requests

PATH = "/computeMetadata/v1/instance/preempted"
# The server requires this header, and its answers carry it, so that no other server is believed.
FLAVOR = {"Metadata-Flavor": "Google"}
HANG = 60  # seconds that the server may hold a request
AGAIN = 5.0  # seconds until the next request after one that failed

log = logging.getLogger(__name__)


def watch(url: str, preempted: Callable[[], None], again: float = AGAIN) -> threading.Thread | None:
    """Watch in a new thread and call `preempted` once. Return the thread, or None when there is no `url`."""
    if not url:
        return None
    thread = threading.Thread(target=_ask, args=(url.rstrip("/") + PATH, preempted, again), daemon=True)
    thread.start()
    return thread


def _ask(url: str, preempted: Callable[[], None], again: float) -> None:
    etag = "0"  # the first request is answered at once, with the current value
    pause = threading.Event()
    with requests.Session() as session:
        session.trust_env = False  # never use a proxy
        while True:
            try:
                etag, value = _value(session, url, etag)
            except (requests.RequestException, ValueError) as error:
                log.warning("the metadata server does not answer: %s", type(error).__name__)
                pause.wait(again)
                continue
            if value == "TRUE":
                log.warning("the machine is being taken back")
                preempted()
                return


def _value(session: requests.Session, url: str, etag: str) -> tuple[str, str]:
    """Return the value and its version. Raises ValueError when the answer is not from a metadata server."""
    asked = {"wait_for_change": "true", "timeout_sec": str(HANG), "last_etag": etag}
    answer = session.get(url, params=asked, headers=FLAVOR, timeout=(5.0, HANG + 10.0), allow_redirects=False)
    if answer.status_code != requests.codes.ok or answer.headers.get("Metadata-Flavor") != "Google":
        raise ValueError("no metadata server")
    if "ETag" not in answer.headers:
        raise ValueError("no version")  # without a version every request would be answered at once
    return answer.headers["ETag"], answer.text.strip().upper()
