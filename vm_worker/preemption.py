"""Asks the metadata server whether this Spot machine is being taken back; it says so up to 30 s before the end.

https://cloud.google.com/compute/docs/instances/create-use-preemptible, "Detect preemption": the value
`instance/preempted` turns TRUE; a request with `wait_for_change` is answered when it does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import requests

PATH = "/computeMetadata/v1/instance/preempted"
FLAVOR = {"Metadata-Flavor": "Google"}  # the server wants it, and shows it, so that no other is believed
HANG = 60  # seconds that the server may keep a question
AGAIN = 5.0  # seconds after a question that failed

log = logging.getLogger(__name__)


def watch(url: str, preempted: Callable[[], None], again: float = AGAIN) -> threading.Thread | None:
    """Ask in a thread of its own and call `preempted` once. None, and no thread, without a `url`."""
    if not url:
        return None
    thread = threading.Thread(target=_ask, args=(url.rstrip("/") + PATH, preempted, again), daemon=True)
    thread.start()
    return thread


def _ask(url: str, preempted: Callable[[], None], again: float) -> None:
    etag = "0"  # answered at once, with the value of now
    pause = threading.Event()
    with requests.Session() as session:
        session.trust_env = False  # never through a proxy
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
    """The value and its version. Raises ValueError when it is no metadata server that answers."""
    asked = {"wait_for_change": "true", "timeout_sec": str(HANG), "last_etag": etag}
    answer = session.get(url, params=asked, headers=FLAVOR, timeout=(5.0, HANG + 10.0), allow_redirects=False)
    if answer.status_code != requests.codes.ok or answer.headers.get("Metadata-Flavor") != "Google":
        raise ValueError("no metadata server")
    if "ETag" not in answer.headers:
        raise ValueError("no version")  # every question would be answered at once
    return answer.headers["ETag"], answer.text.strip().upper()
