"""One attempt at a job: a child process and its two pipes.

The child never touches buckets or mail. It gets a work folder and one JSON spec, writes JSON lines
(`progress`, `stage`, `trial`, `rejected`, `failed`) and waits after each stage and trial for the
parent's word that it is committed. The end of either pipe ends both: a parent that dies leaves no child behind.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from jobs.errors import Transient, UserError
from vm_worker.spec import Spec

ENDED = {"event": "ended"}  # what `next_event` gives once the child's pipe is closed
END_SECONDS = 10.0  # from the end of the child's pipe to its own
END_PAUSE = 0.02  # seconds between two looks at it
LINE_MAX = 8 * 1024 * 1024  # bytes of one event: a runaway child must not fill the parent's memory

# Where memory runs out, the system must end the attempt and not the worker. No RLIMIT_AS: TensorFlow
# reserves many times the addresses that it uses, so that a limit would end it at random.
OOM_SCORE = "900"

log = logging.getLogger(__name__)


class Attempt:
    """The parent's end."""

    def __init__(self, spec: Spec, home: Path) -> None:
        """Start the child; its spec and its log go into `home`."""
        path = home / "spec.json"
        spec.save(path)
        events, child_events = os.pipe()
        child_answers, answers = os.pipe()
        with (home / "attempt.log").open("ab") as log_file:
            self._process = subprocess.Popen(  # noqa: S603 (our own module, our own interpreter)
                [sys.executable, "-m", "vm_worker.attempt", str(path), str(child_events), str(child_answers)],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                pass_fds=(child_events, child_answers),
                start_new_session=True,  # a process group of its own, so that its own children die with it
            )
        os.close(child_events)
        os.close(child_answers)
        self._answers = os.fdopen(answers, "wb", buffering=0)
        self._events: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._ending = threading.Lock()
        threading.Thread(target=self._read, args=(os.fdopen(events, "rb"),), daemon=True).start()

    def next_event(self, timeout: float) -> Mapping[str, Any] | None:
        """The child's next event, `ENDED` at its end, or None when nothing came within `timeout` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def answer(self, message: Mapping[str, Any]) -> None:
        """Tell the child that its stage or trial is committed. A child that is gone is noticed by its events."""
        try:
            self._answers.write(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ValueError):  # ValueError: closed by `stop` in another thread
            log.warning("the attempt ended before it heard of its commit")

    def stop(self) -> int:
        """End the child and all that it started; returns its exit status (negative: killed by that signal).

        Any thread may call, any number of times.
        """
        with self._ending:
            if self._process.returncode is None:  # not reaped: its number is no other process's yet
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._answers.close()
            return self._process.wait()

    def wait(self) -> int:
        """The exit status of a child whose pipe has ended; what it has left running ends with it."""
        end = time.monotonic() + END_SECONDS
        while not self._ended() and time.monotonic() < end:
            time.sleep(END_PAUSE)
        return self.stop()

    def _ended(self) -> bool:
        """Whether the child has ended. It is not reaped, so that its group can still be named."""
        with self._ending:
            if self._process.returncode is not None:
                return True
            found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found is not None

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(LINE_MAX):
                try:
                    self._events.put(json.loads(line))
                except ValueError:
                    break
        self._events.put(ENDED)


class Channel:
    """The child's end."""

    def __init__(self, events: IO[bytes], answers: IO[bytes]) -> None:
        self._events = events
        self._answers: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # answers come in the order of the offers: one at a time
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()

    def send(self, event: Mapping[str, Any]) -> None:
        """One JSON line."""
        with self._lock:
            self._events.write(json.dumps(event).encode() + b"\n")
            self._events.flush()

    def commit(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Offer a stage or a trial and wait for the parent's answer. Any thread may call."""
        with self._turn:
            self.send(event)
            return self._answers.get()

    def _listen(self, answers: IO[bytes]) -> None:
        for line in answers:
            self._answers.put(json.loads(line))
        # The parent is gone: so are we, and the decoding processes with us.
        os.killpg(0, signal.SIGKILL)


def run(spec_path: Path, events: IO[bytes], answers: IO[bytes]) -> int:
    """The child: all stages that are not done, then exit status 0; 1 after `rejected` or `failed`."""
    from vm_worker.stages.run import run_stages

    channel = Channel(events, answers)
    try:
        run_stages(Spec.load(spec_path), channel)
    except UserError as error:
        channel.send({"event": "rejected", "code": error.code, "message": error.message, "file": error.file})
        return 1
    except (MemoryError, Transient):
        raise  # dies like any other lack of means: a crash, to be tried again
    except Exception as error:  # every other error is ours, and the parent must hear of it
        traceback.print_exc()
        channel.send({"event": "failed", "message": f"{type(error).__name__}: {error}"[:500]})
        return 1
    return 0


def main() -> int:
    """`python -m vm_worker.attempt SPEC EVENTS_FD ANSWERS_FD`, started by Attempt only."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for name in ("absl", "tensorflow"):  # advice on retracing and file formats that nobody here can act on
        logging.getLogger(name).setLevel(logging.ERROR)
    _humble()
    with os.fdopen(int(sys.argv[2]), "wb") as events:
        status = run(Path(sys.argv[1]), events, os.fdopen(int(sys.argv[3]), "rb"))
    # TensorFlow's threads can hold up an ordinary exit for seconds.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _humble() -> None:
    """The first to go when memory runs out; and a crash writes no photos into a core file."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
