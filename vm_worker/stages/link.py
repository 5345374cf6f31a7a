"""The way from an attempt's child process to the worker."""

from __future__ import annotations

from typing import Protocol

from vm_worker.events import Answer, Event, StageOffer, TrialOffer


class Link(Protocol):
    """Sends events to the worker, and hears its answers to offers."""

    def send(self, event: Event) -> None:
        """Tell the worker something."""
        ...

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        """Offer a stage or a trial; the answer says whose result counts."""
        ...
