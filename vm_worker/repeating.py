"""The tune stage of a network that was trained from nothing: the same training again, validation photos included.

There is nothing pretrained to unfreeze. Its figures stay those of the first training, which had not seen the
validation photos.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

from jobs.job import Stage
from vm_worker.stages import Output, Work, private, tune_budget

TUNED = "tuned.weights.h5"
JUDGED = "judged.npz"  # what the delivered setting says of the validation part, by a model that had not seen it
UNSEEN = "unseen.npz"  # what heads like the selected one say of train+validation, out of fold
LATE = "the time left does not allow it"
DONE = "trained once more in the same way with the validation photos added"


def repeat(work: Work) -> Output:
    """Train the winner on train+validation for as many epochs as were best, where the time suffices."""
    from vm_worker.learn.select import scratch_candidates

    began, select, options = time.monotonic(), work.results[Stage.SELECT], work.spec.options
    epochs = int(select["from_scratch"]["epochs"])
    work.tell(Stage.TUNE, 0.1, f"{work.winner.title}: once more, with the validation photos")
    course = scratch_candidates.ScratchRequest(
        work.dataset(), options.mirror, options.seed, tune_budget(work), work.scratch
    )
    better = options.trials != 0 and scratch_candidates.again(work.winner.key, course, epochs, work.folder / TUNED)
    row = next(row for row in select["candidates"] if row["name"] == work.winner.key)
    figures = {name: row[name] for name in ("validation_accuracy", "validation_loss")}
    trial = _row(better, epochs, time.monotonic() - began) | (figures if better else {})
    search = {"algorithm": "none", "trials": 0, "outcome": ""}
    result = {"better": better, "trials": [trial], "curve": [], "search": search, **figures}
    if not better:
        return Output(result)
    shutil.copyfile(work.folder / UNSEEN, work.folder / JUDGED)
    return Output(result, (private(TUNED), private(JUDGED)))


def _row(better: bool, epochs: int, seconds: float) -> dict[str, Any]:
    return {
        "number": 1,
        "kind": "repeat",
        "parameters": {"epochs": epochs} if better else {},
        "validation_accuracy": None,
        "validation_loss": None,
        "seconds": round(seconds, 2),
        "state": "kept" if better else "skipped",
        "note": DONE if better else LATE,
    }
