"""Run tasks on a Ray cluster: in processes on its nodes, each with its own share of processors and GPUs.

A task runs in an actor, not as a plain Ray task. Ray ends a process that has used a GPU for a plain task
(https://docs.ray.io/en/latest/ray-core/tasks/using-ray-with-gpus.html, "Workers not Releasing GPU Resources"), and the
network, its graphs and the activations would be made again for each trial. Tasks are method calls of the actors.

Ray repeats nothing by itself here (`max_restarts=0`, `max_task_retries=0`), as it would repeat a task that runs out of
memory forever. A task that was lost with its process or its node is queued again, a few times, for the next free actor.
An error that the task raises is not repeated. Lack of memory is reported as such, so that the caller can try a smaller
task.

Every node must see the worker's folder (`MODELMAIL_WORK`) and the weights under the same paths, on NFS or Filestore.
Photos are not put into Ray's object store: they may be larger than the memory of a node, each process reads them once,
and the result of a trial is a file that the caller reads. Each process has its own cache.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from jobs.json_values import JsonObject
from vm_worker.executors.ending import Ending
from vm_worker.executors.executor import GROWTH, ExecutorTask, MessageSink, OutOfMemory, Result, TaskFailed, found
from vm_worker.spec import Cluster

LOCAL = "local"  # the address that means: start a Ray cluster on this machine

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RayPolicy:
    """The waiting times for a cluster, and the number of losses after which a task fails."""

    losses: int = 3  # losses of its process or node after which a task fails
    # Seconds without any actor before tasks are refused; a cluster that adds nodes needs minutes.
    room_seconds: float = 180.0
    connect_seconds: float = 10.0
    pulse: float = 0.5  # seconds between two checks whether the executor is closed


POLICY = RayPolicy()


class TaskActor:
    """The Ray actor that runs one task after the other on a node of the cluster."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        # All tasks run in one thread, as Keras keeps state by thread.
        self._thread = ThreadPoolExecutor(1)

    def where(self) -> str:
        """Return the node's name. An answer shows that the process runs."""
        return socket.gethostname()

    def do(self, task: ExecutorTask) -> Iterator[JsonObject]:
        """Run the task: yield its progress as it comes, and its ending last."""
        messages: queue.SimpleQueue[JsonObject] = queue.SimpleQueue()
        self._thread.submit(self._work, task, messages)
        while (message := messages.get())["event"] == "tell":
            yield message
        yield message

    def _work(self, task: ExecutorTask, messages: queue.SimpleQueue[JsonObject]) -> None:
        def tell(told: JsonObject) -> None:
            messages.put({"event": "tell", "told": told})

        try:
            ending = Ending.with_result(found(self._entry)(task, tell))
        except BaseException as error:  # the caller decides how to treat an error
            ending = Ending.with_error(error)
        messages.put(ending.to_json())


@dataclass(frozen=True, order=True)
class Ticket:
    """A task that waits for an actor. The lower number goes first."""

    number: int
    task: ExecutorTask = field(compare=False)
    future: Future[Result] = field(compare=False)
    begun: float = field(compare=False)  # monotonic seconds of its submission
    losses: int = field(compare=False, default=0)

    def due(self) -> ExecutorTask:
        """Return the task with its remaining `seconds`, or unchanged when it has no such limit."""
        seconds = self.task.get("seconds")
        if not isinstance(seconds, int | float):
            return self.task
        return {**self.task, "seconds": seconds - (time.monotonic() - self.begun)}


class RayExecutor:
    """An executor with Ray actors: the configured number, or as many as the cluster has room for."""

    def __init__(self, entry: str, tell: MessageSink, cluster: Cluster, policy: RayPolicy = POLICY) -> None:
        """Connect; threads of this executor call `tell` with the progress of tasks. Raises ConnectionError."""
        self._entry, self._tell, self._cluster, self._policy = entry, tell, cluster, policy
        self._connected = _connect(cluster.address, policy.connect_seconds)
        self.workers = cluster.workers or _room(cluster)
        self._tickets: queue.PriorityQueue[Ticket] = queue.PriorityQueue()
        self._count, self._standing, self._alone_since = 0, 0, time.monotonic()
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._keep_an_actor, daemon=True) for _ in range(self.workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: ExecutorTask) -> Future[Result]:
        """Submit a task to the next free actor. Tasks begin in the order of their submission."""
        future: Future[Result] = Future()
        with self._lock:
            self._count += 1
            self._tickets.put(Ticket(self._count, task, future, time.monotonic()))
        return future

    def close(self) -> None:
        """End all actors, and a Ray cluster that was started here. A task that has not ended fails."""
        self._closed.set()
        for thread in self._threads:
            thread.join()
        self._refuse("the executor was closed")
        if self._connected:
            ray.shutdown()

    def _keep_an_actor(self) -> None:
        """Start one actor after the other; each serves until it is lost, worn out or not needed any more."""
        failures = 0
        while not self._closed.is_set():
            actor = self._new_actor()
            if self._stands(actor):
                failures = 0
                self._change_standing(1)
                try:
                    self._do_tasks(actor)
                finally:
                    self._change_standing(-1)
            elif (failures := failures + 1) > self._policy.losses and not self._standing:
                self._refuse("the processes of the cluster do not start")
            _kill_actor(actor)

    def _new_actor(self) -> Any:
        """Create an actor. Ray starts its process when a node has room for it."""
        options = {"num_cpus": self._cluster.cpus, "num_gpus": self._cluster.gpus}
        # An error here would give an actor that never starts, so its first task looks the entry up.
        return ray.remote(TaskActor).options(**options, max_restarts=0, max_task_retries=0).remote(self._entry)

    def _stands(self, actor: Any) -> bool:
        """Wait until the actor has a process; return False when it lost it, or when the executor is closed."""
        answer = actor.where.remote()
        while not self._closed.is_set():
            done, _ = ray.wait([answer], timeout=self._policy.pulse)
            if done:
                return _answers(answer)
            if not self._standing and time.monotonic() - self._alone_since > self._policy.room_seconds:
                self._refuse(f"no node of the cluster has room for a task within {self._policy.room_seconds:.0f} s")
        return False

    def _change_standing(self, by: int) -> None:
        with self._lock:
            self._standing += by
            self._alone_since = time.monotonic()

    def _do_tasks(self, actor: Any) -> None:
        """Give the actor one task after the other, until it is lost, holds too much memory, or `close` is called."""
        first: int | None = None  # bytes that the process held after its first task
        while not self._closed.is_set():
            try:
                ticket = self._tickets.get(timeout=self._policy.pulse)
            except queue.Empty:
                continue
            ending = self._done(actor, ticket)
            if ending is None:
                return
            first = first or ending.bytes
            if ending.event == "memory" or GROWTH.too_much(ending.bytes, first):
                return

    def _done(self, actor: Any, ticket: Ticket) -> Ending | None:
        """Run a waiting task and settle its future; return its ending, or None when the actor is lost."""
        try:
            ending = self._heard(actor, ticket.due())
        except OutOfMemoryError as error:
            _settle(ticket.future, OutOfMemory(f"Ray ended the process for want of memory: {error}"[:500]))
        except RayTaskError as error:  # an error of `TaskActor.do` itself, such as a task that cannot be sent
            _settle(ticket.future, TaskFailed(str(error)[:500]))
        except RayError as error:
            self._lost(ticket, error)
        else:
            _settle(ticket.future, ending)
            return ending
        return None

    def _heard(self, actor: Any, task: ExecutorTask) -> Ending:
        """Report the task's progress and return its ending. Raises RayError when the actor is lost or closed."""
        answers = actor.do.options(num_returns="streaming").remote(task)
        while not self._closed.is_set():
            if ray.wait([answers], timeout=self._policy.pulse)[0]:
                message = ray.get(next(answers))
                if message["event"] != "tell":
                    return Ending.from_json(message)
                self._tell(message["told"])
        raise RayError("the executor was closed")

    def _lost(self, ticket: Ticket, error: RayError) -> None:
        """Queue a task again whose actor was lost; the first free actor takes it."""
        if self._closed.is_set() or ticket.losses >= self._policy.losses:
            _settle(ticket.future, TaskFailed(f"its process or node was lost: {error}"[:500]))
            return
        log.warning("a task's process or node is lost, and the task begins again: %s", type(error).__name__)
        self._tickets.put(replace(ticket, losses=ticket.losses + 1))

    def _refuse(self, why: str) -> None:
        """Fail every task that waits."""
        with suppress(queue.Empty):
            while True:
                _settle(self._tickets.get_nowait().future, TaskFailed(why))


def _settle(future: Future[Result], end: Ending | Exception) -> None:
    """Give a future its result or its error."""
    with suppress(InvalidStateError):  # the caller has cancelled it
        if isinstance(end, Exception):
            future.set_exception(end)
            return
        try:
            result = end.value()
        except (OutOfMemory, TaskFailed) as error:
            future.set_exception(error)
        else:
            future.set_result(result)


def _answers(answer: Any) -> bool:
    try:
        log.info("a process stands on %s", ray.get(answer))
    except RayError as error:
        log.warning("a process of the cluster did not start: %s", str(error)[:500])
        return False
    return True


def _kill_actor(actor: Any) -> None:
    with suppress(RayError, ValueError):
        ray.kill(actor, no_restart=True)


def _connect(address: str, seconds: float) -> bool:
    """Connect to the cluster or start one; return whether this call started it. Raises ConnectionError."""
    if ray.is_initialized():
        return False
    told = {"log_to_driver": False, "logging_level": logging.WARNING}
    if address == LOCAL:
        _keep_to_itself()
        ray.init(address=LOCAL, include_dashboard=False, _node_ip_address="127.0.0.1", **told)
    else:
        _reach(address, seconds)
        ray.init(address=address, **told)
    return True


def _reach(address: str, seconds: float) -> None:
    """Raise ConnectionError when no server accepts a connection at once: Ray itself would try forever."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), seconds).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(f"no Ray answers at {address!r}; it is given as host:port") from error


def _keep_to_itself() -> None:
    """Turn off Ray's usage report. Ray reads this setting from the environment, or from the module changed here."""
    for module in ("ray._common.usage.usage_lib", "ray._private.usage.usage_lib"):  # later, earlier versions
        with suppress(ImportError):
            import_module(module).set_usage_stats_enabled_via_env_var(False)
            return
    raise ConnectionError("this version of Ray cannot be told to keep its use to itself")


def _room(cluster: Cluster) -> int:
    """Return how many tasks the cluster has room for at present; at least one."""
    whole = ray.cluster_resources()
    wanted = {"CPU": cluster.cpus, "GPU": cluster.gpus}
    return max(1, int(min(whole.get(name, 0) // each for name, each in wanted.items() if each)))
