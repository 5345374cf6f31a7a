"""Remove the machine of an idle worker from its managed instance group, so that the group does not make it again.

The machine's metadata gives its `name`, its `zone`, the attribute `created-by` that names the group, and the access
token. https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/deleteInstances
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import requests

INSTANCE = "/computeMetadata/v1/instance"
FLAVOR = {"Metadata-Flavor": "Google"}
TIMEOUT = 10.0  # seconds for each request

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leave:
    """The rule that removes an idle machine.

    It is called with the seconds without work, and returns True when the machine will be removed.
    """

    after_seconds: float  # seconds without work before the machine is removed; 0: never
    metadata_url: str
    compute_url: str

    def __call__(self, idle_seconds: float) -> bool:
        """Ask for the removal if it is time. A refusal is logged, and the next poll tries again."""
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
            session.trust_env = False  # never use a proxy
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
