"""The child process of an executor: it runs one task after the other, and ends when no more tasks can come."""

from __future__ import annotations

import os
import sys
import traceback

from jobs.json_values import JsonObject
from vm_worker.executors.ending import Ending
from vm_worker.executors.executor import Work, found
from vm_worker.processes.child import ParentLink, begin_child, opened

OOM_SCORE = 1000  # when memory runs out, the kernel ends a trial before the job that it belongs to


def serve(work: Work, parent: ParentLink) -> None:
    """Run every task that the parent sends, in order. Send the progress of each, and its result or error."""

    def tell(told: JsonObject) -> None:
        parent.send({"event": "tell", "told": told})

    while True:
        task = parent.receive()
        try:
            message = Ending.with_result(work(task, tell)).to_json()
        except Exception as error:  # the caller decides how to treat an error
            traceback.print_exc()
            message = Ending.with_error(error).to_json()
        parent.send(message)


def main() -> None:
    """Run the command `python -m vm_worker.executors.child ENTRY READING WRITING`, which only LocalExecutor starts."""
    begin_child(OOM_SCORE)
    reading, writing = opened(*sys.argv[2:4])
    # End at once: TensorFlow's threads would delay an ordinary exit, and nobody waits for them.
    serve(found(sys.argv[1]), ParentLink(reading, writing, lambda: os._exit(0)))


if __name__ == "__main__":
    main()
