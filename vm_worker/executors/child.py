"""The worker process: tasks come as JSON lines, results go as JSON lines; the end of the tasks is its end."""

from __future__ import annotations

import json
import logging
import os
import queue
import resource
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from vm_worker.executors.executor import Task, Work, found, lacks_memory

OOM_SCORE = "1000"  # where memory runs out, a trial goes before the job that it belongs to


def serve(work: Work, tasks: IO[bytes], results: IO[bytes]) -> None:
    """Every task, one after the other."""
    waiting: queue.Queue[Task] = queue.Queue()
    threading.Thread(target=_listen, args=(tasks, waiting), daemon=True).start()

    def send(message: Mapping[str, Any]) -> None:
        results.write(json.dumps(message).encode() + b"\n")
        results.flush()

    def tell(told: Mapping[str, Any]) -> None:
        send({"event": "tell", "told": told})

    while True:
        task = waiting.get()
        try:
            message = {"event": "result", "result": work(task, tell)}
        except Exception as error:  # the caller decides what an error means
            traceback.print_exc()
            event = "memory" if lacks_memory(error) else "error"
            message = {"event": event, "message": f"{type(error).__name__}: {error}"[:500]}
        send(message | {"bytes": held()})


def _listen(tasks: IO[bytes], waiting: queue.Queue[Task]) -> None:
    for line in tasks:
        waiting.put(json.loads(line))
    # Nobody waits for what it does: TensorFlow's threads would hold up an ordinary exit.
    os._exit(0)


def held() -> int:
    """Bytes of memory of its own: pages of mapped files, which the system takes back as it likes, do not count."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Entry, number of the pipe with tasks, number of the pipe for results."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for name in ("absl", "tensorflow"):  # advice that nobody here can act on
        logging.getLogger(name).setLevel(logging.ERROR)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")
    with os.fdopen(int(sys.argv[2]), "rb") as tasks, os.fdopen(int(sys.argv[3]), "wb") as results:
        serve(found(sys.argv[1]), tasks, results)


if __name__ == "__main__":
    main()
