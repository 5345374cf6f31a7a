"""The tune stage of a network that was trained from scratch: it is trained again, validation photos included.

Such a network has no pretrained layers to unfreeze. Its figures stay those of the first training, which had not seen
the validation photos.
"""

from __future__ import annotations

import shutil
import time

from jobs.errors import Bug
from jobs.job import Stage
from vm_worker.results.trials import SearchSummary, TrialRow, Tuned
from vm_worker.stages.artifacts import JUDGED, TUNED, UNSEEN
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, private

LATE = "the time left does not allow it"
DONE = "trained once more in the same way with the validation photos added"


def train_again(context: StageContext) -> Output:
    """Train the winner on train+validation for its best number of epochs, if the time suffices."""
    from vm_worker.learn.select import scratch_candidates
    from vm_worker.learn.select.small_network import SmallNetwork

    began, selected, options = time.monotonic(), context.results.selected, context.spec.options
    if selected.from_scratch is None:
        raise Bug(f"selection did not say for how many epochs {selected.winner} was trained")
    inputs, epochs, row = context.inputs, selected.from_scratch.epochs, selected.best
    context.progress.tell(Stage.TUNE, 0.1, f"{inputs.winner.title}: once more, with the validation photos")
    budget = context.clock.tune_budget()
    request = scratch_candidates.ScratchRequest(inputs.dataset(), options.mirror, options.seed, budget, inputs.scratch)
    again, network = scratch_candidates.train_again, SmallNetwork(inputs.winner, inputs.plan)
    better = options.trials != 0 and again(network, request, epochs, context.folder / TUNED)
    trial = TrialRow(
        number=1,
        kind="repeat",
        parameters={"epochs": epochs} if better else {},
        validation_accuracy=row.validation_accuracy if better else None,
        validation_loss=row.validation_loss if better else None,
        seconds=round(time.monotonic() - began, 2),
        state="kept" if better else "skipped",
        note=DONE if better else LATE,
        validation_score=row.validation_score if better else None,
        metric=row.metric,
    )
    result = Tuned(
        better=better,
        trials=(trial,),
        curve=(),
        validation_accuracy=row.validation_accuracy,
        validation_loss=row.validation_loss,
        search=SearchSummary("none", 0, ""),
        validation_score=row.validation_score,
        metric=row.metric,
    )
    if not better:
        return Output(result)
    shutil.copyfile(context.folder / UNSEEN, context.folder / JUDGED)
    return Output(result, (private(TUNED), private(JUDGED)))
