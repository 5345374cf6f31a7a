"""One attempt at a job: a child process that runs the stages, and the link between it and the worker.

The child never touches buckets or mail. It gets a work folder and one JSON spec, writes events as JSON lines
and waits after each stage and trial for the worker's word that it is committed. The end of either pipe ends
both: a worker that dies leaves no child behind.
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
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jobs.errors import Transient, UserError
from vm_worker.events import ENDED, Answer, Ended, Event, Failed, Rejected, StageOffer, TrialOffer, read_event
from vm_worker.processes.child import ParentLink, begin_child, opened
from vm_worker.processes.line_process import LineProcess, Start
from vm_worker.spec import Spec

# Where memory runs out, the system must end the attempt and not the worker. No RLIMIT_AS: TensorFlow
# reserves many times the addresses that it uses, so that a limit would end it at random.
OOM_SCORE = 900

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttemptPolicy:
    """How long the worker waits for a child's end, and how much it reads of it."""

    end_seconds: float = 10.0  # from the end of the child's pipe to its own: TensorFlow's threads may hold it up
    end_pause: float = 0.02  # seconds between two looks at it
    line_max: int = 8 * 1024 * 1024  # bytes of one event: a runaway child must not fill the worker's memory


POLICY = AttemptPolicy()


class Attempt:
    """The worker's end of an attempt."""

    def __init__(self, spec: Spec, home: Path, policy: AttemptPolicy = POLICY) -> None:
        """Start the child; its spec and its log go into `home`."""
        self._policy = policy
        path = home / "spec.json"
        spec.save(path)
        with (home / "attempt.log").open("ab") as log_file:
            self._child = LineProcess(
                [sys.executable, "-m", "vm_worker.attempt", str(path)],
                Start(own_group=True, log=log_file, line_max=policy.line_max),
            )
        self._events: queue.Queue[Event | Ended] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """The number of the child's process, which is its group's too."""
        return self._child.pid

    def next_event(self, timeout: float) -> Event | Ended | None:
        """The child's next event, `ENDED` at its end, or None when nothing came within `timeout` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def answer(self, answer: Answer) -> None:
        """Tell the child what became of its stage or trial. A child that is gone is noticed by its events."""
        try:
            self._child.send(answer.to_json())
        except BrokenPipeError:
            log.warning("the attempt ended before it heard of its commit")

    def stop(self) -> int:
        """End the child and all that it started; returns its exit status (negative: killed by that signal).

        Any thread may call, any number of times.
        """
        return self._child.end()

    def wait(self) -> int:
        """The exit status of a child whose pipe has ended; what it has left running ends with it."""
        end = time.monotonic() + self._policy.end_seconds
        while not self._child.has_ended() and time.monotonic() < end:
            time.sleep(self._policy.end_pause)
        return self.stop()

    def _read(self) -> None:
        """Put the child's events into the queue. A line that is no event is the last that is read."""
        try:
            while (message := self._child.receive()) is not None:
                self._events.put(read_event(message))
        except ValueError as error:
            log.warning("the attempt wrote no event: %s", str(error)[:200])
        finally:
            self._child.close_reading()
            self._events.put(ENDED)


class Channel:
    """The child's end of an attempt."""

    def __init__(self, reading: IO[bytes], writing: IO[bytes]) -> None:
        # The worker is gone: so are we, and the decoding processes with us.
        self._parent = ParentLink(reading, writing, lambda: os.killpg(0, signal.SIGKILL))
        self._turn = threading.Lock()  # answers come in the order of the offers: one at a time

    def send(self, event: Event) -> None:
        """Tell the worker of something that needs no answer. Any thread may call."""
        self._parent.send(event.to_json())

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        """Offer a stage or a trial and wait for the worker's answer. Any thread may call."""
        with self._turn:
            self.send(offer)
            return Answer.from_json(self._parent.receive())


def run(spec_path: Path, channel: Channel) -> int:
    """The child: all stages that are not done, then exit status 0; 1 after `rejected` or `failed`."""
    from vm_worker.stages.run import run_stages

    try:
        run_stages(Spec.load(spec_path), channel)
    except UserError as error:
        channel.send(Rejected(error.code, error.message, error.file))
        return 1
    except (MemoryError, Transient):
        raise  # dies like any other lack of means: a crash, to be tried again
    except Exception as error:  # every other error is ours, and the worker must hear of it
        traceback.print_exc()
        channel.send(Failed(f"{type(error).__name__}: {error}"[:500]))
        return 1
    return 0


def main() -> None:
    """`python -m vm_worker.attempt SPEC READING WRITING`, started by Attempt only; the pipes by their numbers."""
    begin_child(OOM_SCORE)
    reading, writing = opened(*sys.argv[2:4])
    with writing:
        status = run(Path(sys.argv[1]), Channel(reading, writing))
    # TensorFlow's threads can hold up an ordinary exit for seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
