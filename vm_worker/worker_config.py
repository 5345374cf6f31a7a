"""The configuration that a worker is given at its start, and that holds for every job that it runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jobs.queue import Queue
from jobs.telemetry import Silent, Telemetry
from vm_worker.events import Answer, Ended, Event
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.spec import Cluster, Spec


class Child(Protocol):
    """The process of an attempt, as the worker sees it."""

    def next_event(self, timeout: float) -> Event | Ended | None:
        """An event, `ENDED`, or None after `timeout` seconds."""
        ...

    def answer(self, answer: Answer) -> None:
        """Tell the child what became of a stage or a trial that it has offered."""
        ...

    def stop(self) -> int:
        """Kill; returns the exit status."""
        ...

    def wait(self) -> int:
        """The exit status of a child that has ended."""
        ...


Launch = Callable[[Spec, Path], Child]


def one_thread() -> Executor:
    """The thread of one job's downloads and uploads: beats go on beside it."""
    return ThreadPoolExecutor(1, thread_name_prefix="transfer")


@dataclass(frozen=True)
class WorkerConfig:
    """What holds for every job that a worker runs."""

    queue: Queue
    launch: Launch
    lease: LeasePolicy
    weights: str = ""  # a folder of pretrained weights
    download_weights: bool = False
    public_url: str = ""  # of the service; the report's links start with it
    hourly_price: float = 0.0  # of the machine; 0 = not said
    stopping: Callable[[], bool] = field(default=lambda: False)
    cluster: Cluster = field(default_factory=Cluster)
    telemetry: Telemetry = field(default_factory=Silent)
    transfers: Callable[[], Executor] = one_thread  # called once for each job
