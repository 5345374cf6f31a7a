"""The process that measures, by LiteRT, how long TFLite models take for one photo; it does nothing else.

    python -I stopwatch.py SECONDS MODEL.tflite...

Each model is run with one thread and with all threads: first the warm-up, then RUNS runs on one random photo, fewer
where those would take longer than SECONDS. This follows Apeinans and Zukovs (2020), except that the warm-up is not
counted and the spread is given. The time in which a thread waited for its turn, as other programs had the processor, is
no time of the model: where Linux counts it, it is taken off. On stdout, in milliseconds:
{path: {"runs", "bytes", "one": {"threads", "mean", "median", "p95"}, "all": {...}}}
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np

RUNS = 100
WARM_UP = 10
LEAST_RUNS = 10  # however long they take


def main() -> None:
    """Measure each model and print the figures as JSON."""
    from ai_edge_litert.interpreter import Interpreter

    seconds, paths = float(sys.argv[1]), sys.argv[2:]
    answer = {}
    for path in paths:
        threads = {"one": 1, "all": os.cpu_count() or 1}
        figures = {name: _measured(Interpreter(path, num_threads=n), seconds / 2) for name, n in threads.items()}
        rows = {name: {"threads": threads[name], **figure} for name, figure in figures.items()}
        runs = min(row.pop("runs") for row in rows.values())
        answer[path] = {"runs": runs, "bytes": os.path.getsize(path), **rows}
    sys.stdout.write(json.dumps(answer) + "\n")


def _measured(network: Any, seconds: float) -> dict[str, Any]:
    network.allocate_tensors()
    (given,) = network.get_input_details()
    photo = np.random.default_rng(0).integers(0, 256, given["shape"]).astype(np.float32)
    end = time.perf_counter() + seconds
    for _ in range(WARM_UP):
        _run_seconds(network, given["index"], photo)
    taken: list[float] = []
    while len(taken) < RUNS and (len(taken) < LEAST_RUNS or time.perf_counter() < end):
        taken.append(_run_seconds(network, given["index"], photo))
    names = {"mean": np.mean(taken), "median": np.median(taken), "p95": np.percentile(taken, 95)}
    return {"runs": len(taken)} | {name: round(1000 * float(value), 3) for name, value in names.items()}


def _run_seconds(network: Any, index: int, photo: Any) -> float:
    before = waits()
    began = time.perf_counter()
    network.set_tensor(index, photo)
    network.invoke()
    taken = time.perf_counter() - began
    # Threads wait for each other: what one of them lost is lost for all, and is not lost twice.
    waited = max((now - before.get(thread, 0.0) for thread, now in waits().items()), default=0.0)
    return max(0.0, taken - waited)


def waits(threads: str = "/proc/self/task") -> dict[str, float]:
    """Return the seconds that each thread of this process has waited for its turn; empty where they are not counted."""
    found = {}
    for thread in os.listdir(threads) if os.path.isdir(threads) else ():
        try:
            with open(os.path.join(threads, thread, "schedstat"), encoding="ascii") as counts:
                found[thread] = int(counts.read().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):  # the thread has ended, or its system does not count
            continue
    return found


if __name__ == "__main__":
    main()
