"""A small world for the model test: one true time, three workers whose clocks disagree, and a scheduler.

Each worker is the real one, in a thread of its own, but only one thread runs at a time: a worker stops
before and after whatever it asks of a bucket, of its child, of the mail provider or of its clock, and goes on
when the test says so. So it can be frozen, killed or overtaken between any two of them, and equal choices
give equal histories.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from jobs.clock import FakeClock
from jobs.errors import Transient
from jobs.job import MailState, Stage
from jobs.limits import Limits
from jobs.mail.letters import Letterhead
from jobs.mail.message import Mail
from jobs.mail.postman import Postman
from jobs.queue import Queue
from jobs.storage.store import Blob, Buckets, MemoryStore, Stat
from tests.unit.jobs.turns import Baton, SkewedClock
from tests.unit.jobs.witness import Witness
from vm_worker.events import ENDED, Answer, Ended, Event, Failed, File, Rejected, StageOffer
from vm_worker.job_run import Preempted
from vm_worker.lease_keeper import LeasePolicy
from vm_worker.spec import Done, Spec
from vm_worker.worker import Worker
from vm_worker.worker_config import WorkerConfig

LEASE = 60.0
LIMITS = Limits(deadline_hours=6, upload_wait_hours=3)  # shorter than a day, so that a history reaches its end
TICK = 0.02  # seconds of true time that each step of a worker takes
POLL = 5.0
HEAD = Letterhead("modelmail@example.org", "operator@example.org", "https://models.example.org", "secret")
MADE = tuple(stage for stage in Stage if stage is not Stage.FINISH)  # by the child


class WatchedStore(MemoryStore):
    """A bucket at which workers can be stopped, with faults for their conditional writes, and a witness of writes."""

    def __init__(self, world: World, witness: Callable[[str, bytes], None]) -> None:
        super().__init__(world.time)
        self._world = world
        self._witness = witness

    def get(self, name: str, known: Blob | None = None) -> Blob | None:
        self._world.pause()
        return super().get(name, known)

    def stat(self, name: str) -> Stat | None:
        self._world.pause()
        return super().stat(name)

    def put(
        self, name: str, data: bytes, *, if_generation: int | None = None, content_type: str = "application/json"
    ) -> int:
        self._world.pause()
        fault = self._world.next_fault() if if_generation is not None else ""
        if fault == "refuse" or (self._world.outage and self._world.writer()):
            raise Transient("503")
        generation = super().put(name, data, if_generation=if_generation, content_type=content_type)
        self._witness(name, data)
        self._world.pause()
        if fault == "lose":
            raise Transient("the answer was lost")
        return generation

    def delete(self, name: str, *, if_generation: int | None = None) -> bool:
        self._world.pause()
        return super().delete(name, if_generation=if_generation)


class Inline(Executor):
    """Transfers in the worker's own thread, so that they take their turns too."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **more))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing is under way."""


@dataclass
class StubChild:
    """An attempt without training: it makes every stage, soon or slowly, or refuses, breaks, dies or hangs."""

    spec: Spec
    kind: str
    report: bytes
    polled: Callable[[], None]  # told at each look for an event
    rest: Callable[[float], None]
    said: bool = False
    polls: int = 0

    def next_event(self, timeout: float) -> Event | Ended | None:
        self.polled()
        self.rest(40.0 if self.kind == "hangs" else 4.0)
        self.polls += 1
        if self.kind == "hangs" or (self.kind == "slow" and self.polls % 6):
            return None
        if self.kind in ("good", "slow"):
            return self._next_stage()
        if self.kind == "dies" or self.said:
            return ENDED
        self.said = True
        if self.kind == "refuses":
            return Rejected("one_class", "There is only one class.", "")
        return Failed("KeyError")

    def _next_stage(self) -> Event | Ended:
        left = [stage for stage in MADE if stage not in self.spec.done]
        if not left:
            return ENDED
        files: tuple[File, ...] = ()
        if left[0] is Stage.REPORT:
            self.spec.folder.mkdir(parents=True, exist_ok=True)
            (self.spec.folder / "report.json").write_bytes(self.report)
            files = (File("report.json", True, "application/json"),)
        return StageOffer(left[0], 4.0, {"by": self.spec.job}, files)

    def answer(self, answer: Answer) -> None:
        stage = next(stage for stage in MADE if stage not in self.spec.done)
        self.spec = replace(self.spec, done={**self.spec.done, stage: Done({}, 4.0)})

    def stop(self) -> int:
        return -9

    def wait(self) -> int:
        return {"good": 0, "slow": 0, "dies": -9}.get(self.kind, 1)


@dataclass
class Machine:
    """A worker from its start to its end; the next one has another name and another monotonic clock."""

    name: str
    baton: Baton
    stopping: bool = False


@dataclass
class World:
    """Everything there is. `folder` is the workers' disk, `report` what a finished job says of itself."""

    folder: Path
    report: bytes
    offsets: tuple[float, ...]  # seconds by which each worker's wall clock is off
    witness: Witness = field(init=False)
    time: FakeClock = field(default_factory=FakeClock)
    faults: list[str] = field(default_factory=list)  # of the workers' next conditional writes: "refuse" | "lose" | ""
    outage: bool = False  # nothing of the workers' is written
    provider_down: bool = False
    kinds: dict[str, str] = field(default_factory=dict)  # first characters of an id -> what its training does
    machines: list[Machine] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)  # tracebacks of workers that ended by an error
    births: int = 0

    def __post_init__(self) -> None:
        self.witness = Witness(self.time, LEASE, LIMITS)
        emails = WatchedStore(self, lambda name, data: self.witness.wrote(name, data, self.writer()))
        models = WatchedStore(self, lambda name, data: self.witness.committed(name))
        self.buckets = Buckets(emails, WatchedStore(self, lambda name, data: None), models)
        self.front = Queue(self.buckets, SkewedClock(self.time, 0.0, self.pause), LIMITS)
        self.front_postman = Postman(self.front, self, HEAD, "front")

    def begin(self) -> None:
        """Switch the workers on."""
        self.machines = [self._machine(offset) for offset in self.offsets]

    def _machine(self, offset: float) -> Machine:
        self.births += 1
        machine = Machine(f"w{self.births}", Baton(lambda: self.time.advance(TICK)))
        queue = Queue(self.buckets, SkewedClock(self.time, offset, self.pause), LIMITS)
        postman = Postman(queue, self, HEAD, machine.name)
        config = WorkerConfig(
            queue, self._launch, LeasePolicy(LEASE), stopping=lambda: machine.stopping, transfers=Inline
        )
        worker = Worker(config, postman, machine.name, self.folder / machine.name)
        machine.baton.start(lambda: self._poll(machine, worker, queue))
        return machine

    def _poll(self, machine: Machine, worker: Worker, queue: Queue) -> None:
        while not machine.stopping:
            try:
                busy = worker.step()
            except Transient:
                busy = False
            except Preempted:
                return
            except Exception:
                self.crashes.append(traceback.format_exc())
                return
            if not busy:
                queue.clock.sleep(POLL)

    def _launch(self, spec: Spec, home: Path) -> StubChild:
        owner = self.writer()
        polled = partial(self.witness.polled, spec.job, owner)
        return StubChild(spec, self.kinds[spec.job], self.report, polled, self.rest)

    def rest(self, seconds: float) -> None:
        """A worker waits for its child."""
        self.time.advance(seconds)
        self.pause()

    def writer(self) -> str:
        """The name of the worker whose thread this is; "" for the front door."""
        return next((machine.name for machine in self.machines if machine.baton.mine()), "")

    def pause(self) -> None:
        """A step of whichever worker's thread this is."""
        for machine in self.machines:
            if machine.baton.mine():
                machine.baton.step()

    def next_fault(self) -> str:
        """What becomes of a worker's conditional write; the front door's are well."""
        return self.faults.pop(0) if self.faults and self.writer() else ""

    def send(self, mail: Mail) -> None:
        """The mail provider. A request takes no time, so a sender cannot be frozen before its yes, only after it."""
        if self.provider_down:
            raise Transient("503")
        self.witness.mailed(mail, self.writer() or "front")
        self.pause()

    def is_mailing(self, number: int) -> bool:
        """Whether this worker has a mail in hand."""
        mails = (mail for job in self.witness.last.values() for mail in job.mails.values())
        return any(mail.state is MailState.SENDING and mail.owner == self.machines[number].name for mail in mails)

    def revive(self, number: int) -> None:
        """A worker that has ended is started again, as another process."""
        if not self.machines[number].baton.alive:
            self.machines[number] = self._machine(self.offsets[number])

    def end(self) -> None:
        """Kill everybody."""
        for machine in self.machines:
            if machine.baton.alive:
                machine.baton.kill()
