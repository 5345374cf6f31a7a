"""An attempt at a job: a child process that runs the stages, and the two pipes between it and the worker.

The child never touches buckets or mail. It gets a work folder and a spec in one JSON file, and writes events as JSON
lines. After each stage and trial it waits for the worker's answer that the result is committed. Each process ends
when the pipe from the other one ends: a worker that dies leaves no child behind.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from jobs.errors import Transient, UserError
from vm_worker.events import ENDED, Answer, Ended, Event, Failed, Rejected, StageOffer, TrialOffer, read_event
from vm_worker.processes.child import ParentLink, begin_child, opened
from vm_worker.processes.line_process import LineProcess, Start
from vm_worker.spec import Spec

# When memory runs out, the kernel must end the attempt and not the worker. RLIMIT_AS is not set: TensorFlow reserves
# many times the address space that it uses, so that such a limit would end it at random.
OOM_SCORE = 900

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttemptPolicy:
    """The limits of the worker's patience: how long it waits for a child's end, and how long an event may be."""

    # Time limit from the end of the child's pipe to the end of its process, which TensorFlow's threads may delay.
    end_seconds: float = 10.0
    end_pause: float = 0.02  # seconds between two checks whether the child has ended
    line_max: int = 8 * 1024 * 1024  # the longest event in bytes: a faulty child must not fill the worker's memory


POLICY = AttemptPolicy()


class Attempt:
    """The worker's side of an attempt, which starts the child process and exchanges messages with it."""

    def __init__(
        self, spec: Spec, home: Path, policy: AttemptPolicy = POLICY, begin: type[LineProcess] = LineProcess
    ) -> None:
        """Start the child by `begin`. Its spec and its log are written into the folder `home`."""
        self._policy = policy
        path = home / "spec.json"
        replace(spec, counted=time.monotonic()).save(path)  # on a busy machine the start takes many seconds
        with (home / "attempt.log").open("ab") as log_file:
            self._child = begin(
                [sys.executable, "-m", "vm_worker.attempt", str(path)],
                Start(own_group=True, log=log_file, line_max=policy.line_max),
            )
        self._events: queue.Queue[Event | Ended] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process ID of the child, which is the ID of its process group too."""
        return self._child.pid

    def next_event(self, timeout: float) -> Event | Ended | None:
        """Return the child's next event, `ENDED` at its end, or None when no event came within `timeout` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def answer(self, answer: Answer) -> None:
        """Tell the child whether its stage or trial is committed. No error is raised for a child that has ended."""
        try:
            self._child.send(answer.to_json())
        except BrokenPipeError:
            log.warning("the attempt ended before it heard of its commit")

    def stop(self) -> int:
        """End the child and all processes that it started; return its exit status (negative: killed by that signal).

        Any thread may call this, any number of times.
        """
        return self._child.end()

    def wait(self) -> int:
        """Return the exit status of a child whose pipe has ended, and end the processes that it left running."""
        end = time.monotonic() + self._policy.end_seconds
        while not self._child.has_ended() and time.monotonic() < end:
            time.sleep(self._policy.end_pause)
        return self.stop()

    def _read(self) -> None:
        """Put the child's events into the queue. Reading stops at the first line that is no event."""
        try:
            while (message := self._child.receive()) is not None:
                self._events.put(read_event(message))
        except ValueError as error:
            log.warning("the attempt wrote no event: %s", str(error)[:200])
        finally:
            self._child.close_reading()
            self._events.put(ENDED)


class Channel:
    """The child's side of an attempt, which sends events to the worker and receives its answers."""

    def __init__(self, reading: IO[bytes], writing: IO[bytes]) -> None:
        # The worker is gone: end this process, and with it the decoding processes.
        self._parent = ParentLink(reading, writing, lambda: os.killpg(0, signal.SIGKILL))
        self._turn = threading.Lock()  # one offer at a time: answers come in the order of the offers

    def send(self, event: Event) -> None:
        """Send the worker an event that needs no answer. Any thread may call this."""
        self._parent.send(event.to_json())

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        """Offer a stage or a trial and wait for the worker's answer. Any thread may call this."""
        with self._turn:
            self.send(offer)
            return Answer.from_json(self._parent.receive())


def run(spec_path: Path, channel: Channel) -> int:
    """Run all stages that are not done; return exit status 0, or 1 after the event `rejected` or `failed`."""
    from vm_worker.stages.run import run_stages

    try:
        run_stages(Spec.load(spec_path), channel)
    except UserError as error:
        channel.send(Rejected(error.code, error.message, error.file))
        return 1
    except (MemoryError, Transient):
        raise  # the process ends with a traceback, which the worker treats as a crash and tries again
    except Exception as error:  # any other error is a fault of this program, and the worker must be told of it
        traceback.print_exc()
        channel.send(Failed(f"{type(error).__name__}: {error}"[:500]))
        return 1
    return 0


def main() -> None:
    """Run the command `python -m vm_worker.attempt SPEC READING WRITING`, which only Attempt starts.

    READING and WRITING are the numbers of the pipes.
    """
    begin_child(OOM_SCORE)
    reading, writing = opened(*sys.argv[2:4])
    with writing:
        status = run(Path(sys.argv[1]), Channel(reading, writing))
    # End at once: TensorFlow's threads can delay an ordinary exit by seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
