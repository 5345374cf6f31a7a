"""A pool of decoding processes: one that dies or hangs is replaced, and the photo at fault is named."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import TracebackType

from jobs.errors import Transient
from jobs.limits import Limits
from vm_worker.intake.decoder import DecodeTask, Reply, serve_alone

IN_FLIGHT = 2  # tasks that a process holds: the second one waits in its pipe while the first is decoded


@dataclass(frozen=True)
class Bounds:
    """The memory and time that one decoding process may use."""

    memory_bytes: int = Limits.image_memory_bytes
    image_seconds: float = Limits.image_seconds
    start_seconds: float = 120.0  # for starting a process: long enough for a busy machine

    @classmethod
    def of(cls, limits: Limits) -> Bounds:
        """Take the bounds from an installation's limits."""
        return cls(limits.image_memory_bytes, limits.image_seconds)


class DecoderFault(Transient):
    """The decoding processes cannot work on this machine at all; no photo is at fault."""


class _Process:
    """A decoding process and the tasks it holds, oldest first."""

    def __init__(self, bounds: Bounds) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=serve_alone, args=(theirs, bounds.memory_bytes), daemon=True)
        _start_without_interrupt(self._process)
        theirs.close()  # so that its death is an end of file here
        self._bounds = bounds
        self._since = time.monotonic()
        self.ready = False
        self.held: deque[int] = deque()

    def give(self, index: int, task: DecodeTask) -> bool:
        """Send a task; return False where the process is dead."""
        if not self.held:
            self._since = time.monotonic() if self.ready else self._since
        try:
            self.connection.send(task)
        except OSError:
            return False
        self.held.append(index)
        return True

    def take(self) -> tuple[int, Reply] | None:
        """Receive the next answer; None where the process has only become ready. Raises EOFError or OSError."""
        reply = self.connection.recv()
        self._since = time.monotonic()
        if not self.ready:
            self.ready = True
            return None
        return self.held.popleft(), reply

    def seconds_left(self) -> float:
        limit = self._bounds.image_seconds if self.ready else self._bounds.start_seconds
        return self._since + limit - time.monotonic()

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def _start_without_interrupt(process: SpawnProcess) -> None:
    """Start the process with SIGINT blocked: while it imports, Ctrl-C would make it print a traceback."""
    resource_tracker.ensure_running()  # else the first start would start it too, and unblock SIGINT by that
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # children inherit it
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Decoders:
    """A pool of decoding processes, started when first needed and used for one run after another.

    The calling process must not be a daemonic process of multiprocessing, which may have no children.
    """

    def __init__(self, processes: int, bounds: Bounds | None = None) -> None:
        self._most = max(1, processes)
        self._bounds = bounds or Bounds()
        self._processes: list[_Process] = []

    def __enter__(self) -> Decoders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_all()

    def run(self, tasks: Sequence[DecodeTask]) -> Iterator[tuple[int, Reply]]:
        """Yield each task's index and reply, as they come. Raises DecoderFault, and OSError for a full disk."""
        waiting = deque(range(len(tasks)))
        try:
            while waiting or any(process.held for process in self._processes):
                self._hand_out(waiting, tasks)
                for index, reply in self._collect(waiting):
                    if reply.fault is not None:
                        raise OSError(*reply.fault)
                    yield index, reply
        finally:
            if any(process.held for process in self._processes):
                self._end_all()  # the run was given up: its answers must not reach the next run

    def _hand_out(self, waiting: deque[int], tasks: Sequence[DecodeTask]) -> None:
        while waiting and len(self._processes) < min(self._most, len(tasks)):
            self._processes.append(_Process(self._bounds))
        for depth in range(1, IN_FLIGHT + 1):  # one for each before a second for any
            for process in self._processes:
                if waiting and len(process.held) < depth:
                    index = waiting.popleft()
                    if not process.give(index, tasks[index]):
                        waiting.appendleft(index)

    def _collect(self, waiting: deque[int]) -> list[tuple[int, Reply]]:
        soonest = min((process.seconds_left() for process in self._processes if process.held), default=0.0)
        heard = wait([process.connection for process in self._processes], timeout=max(0.0, soonest))
        answers: list[tuple[int, Reply]] = []
        for process in list(self._processes):
            if process.connection in heard:
                answers.extend(self._answer(process, waiting))
            elif process.held and process.seconds_left() <= 0:
                answers.extend(self._replace(process, waiting, "takes too long to decode"))
        return answers

    def _answer(self, process: _Process, waiting: deque[int]) -> list[tuple[int, Reply]]:
        try:
            answer = process.take()
        except (EOFError, OSError):
            return self._replace(process, waiting, "breaks the decoder")
        return [answer] if answer else []

    def _replace(self, process: _Process, waiting: deque[int], reason: str) -> list[tuple[int, Reply]]:
        """End a process. The photo it was decoding is at fault, the other tasks it held are given out again."""
        process.end()
        self._processes.remove(process)
        if not process.ready:
            raise DecoderFault("a decoding process did not start")
        failed = [(process.held.popleft(), Reply(reason=reason))] if process.held else []
        waiting.extendleft(reversed(process.held))
        return failed

    def _end_all(self) -> None:
        for process in self._processes:
            process.end()
        self._processes.clear()
