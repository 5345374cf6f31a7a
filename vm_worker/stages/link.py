"""The link from an attempt's child process to the worker."""

from __future__ import annotations

from typing import Protocol

from vm_worker.events import Answer, Event, StageOffer, TrialOffer


class Link(Protocol):
    """A link that sends events to the worker, and receives its answers to offers."""

    def send(self, event: Event) -> None:
        """Send the worker an event that needs no answer."""
        ...

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        """Offer a stage or a trial; return the worker's answer, which names the result that counts."""
        ...
