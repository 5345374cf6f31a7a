"""The configuration that a worker gets at its start, and that is the same for every job that it runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jobs.catalogue import Stock
from jobs.queue import Queue
from jobs.telemetry import Silent, Telemetry
from vm_worker.events import Answer, Ended, Event
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.spec import Cluster, Spec


class Child(Protocol):
    """The child process of an attempt, as the worker uses it."""

    def next_event(self, timeout: float) -> Event | Ended | None:
        """Return the next event, `ENDED`, or None after `timeout` seconds."""
        ...

    def answer(self, answer: Answer) -> None:
        """Tell the child whether a stage or a trial that it offered is committed."""
        ...

    def stop(self) -> int:
        """Kill the child; return its exit status."""
        ...

    def wait(self) -> int:
        """Return the exit status of a child that has ended."""
        ...


Launch = Callable[[Spec, Path], Child]


def one_thread() -> Executor:
    """Return a pool of one thread for one job's downloads and uploads, so that the lease is renewed meanwhile."""
    return ThreadPoolExecutor(1, thread_name_prefix="transfer")


@dataclass(frozen=True)
class WorkerConfig:
    """The configuration of a worker, the same for every job that it runs."""

    queue: Queue
    launch: Launch
    lease: LeasePolicy
    weights: str = ""  # a folder of pretrained weights
    download_weights: bool = False
    hourly_price: float = 0.0  # the price of the machine; 0: not known
    stopping: Callable[[], bool] = field(default=lambda: False)
    cluster: Cluster = field(default_factory=Cluster)
    telemetry: Telemetry = field(default_factory=Silent)
    stock: Stock | None = None  # the networks that this machine can train; None: the offer is not told
    host: str = ""  # the machine's name, under which the stock is told
    # Makes the pool of a job's downloads and uploads; called once for each job.
    transfers: Callable[[], Executor] = one_thread
