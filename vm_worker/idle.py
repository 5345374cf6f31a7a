"""Removes the machine of an idle worker: from its group, so that the group does not make it again.

What it must know is in its metadata (`name`, `zone`, the attribute `created-by` that names the group), and so is
the token that it asks with. https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/deleteInstances
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import requests

INSTANCE = "/computeMetadata/v1/instance"
FLAVOR = {"Metadata-Flavor": "Google"}
TIMEOUT = 10.0  # seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leave:
    """The rule by which an idle machine goes: called with the seconds without work, true when the machine is going."""

    after_seconds: float  # 0: never
    metadata_url: str
    compute_url: str

    def __call__(self, idle_seconds: float) -> bool:
        """Leave the group if it is time. A refusal is logged, and tried again at the next poll."""
        if not self.after_seconds or not self.metadata_url or idle_seconds < self.after_seconds:
            return False
        try:
            self._leave()
        except (requests.RequestException, KeyError, ValueError) as error:
            log.error("the machine cannot take itself away: %s", type(error).__name__)
            return False
        log.info("no work for %.0f s: the machine goes", idle_seconds)
        return True

    def _leave(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # never through a proxy
            group = self._ask(session, "attributes/created-by")
            zone = self._ask(session, "zone").rpartition("/")[2]
            instance = f"zones/{zone}/instances/{self._ask(session, 'name')}"
            token = session.get(
                f"{self.metadata_url}{INSTANCE}/service-accounts/default/token", headers=FLAVOR, timeout=TIMEOUT
            )
            token.raise_for_status()
            answer = session.post(
                f"{self.compute_url}/{group}/deleteInstances",
                json={"instances": [instance]},
                headers={"Authorization": f"Bearer {token.json()['access_token']}"},
                timeout=TIMEOUT,
            )
            answer.raise_for_status()

    def _ask(self, session: requests.Session, what: str) -> str:
        answer = session.get(f"{self.metadata_url}{INSTANCE}/{what}", headers=FLAVOR, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.text.strip()
