"""The tune stage: unfreeze the last blocks of the selected network, and search for the best settings to train them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobs.job import Stage
from vm_worker.events import File
from vm_worker.intake.dataset import Part
from vm_worker.results.candidates import CandidateRow, PairRow
from vm_worker.results.trials import Tuned
from vm_worker.stages.artifacts import BAR, HEAD, JUDGED, TUNED, UNSEEN_HEAD
from vm_worker.stages.context import StageContext
from vm_worker.stages.learning_progress import listener
from vm_worker.stages.output import Output, private
from vm_worker.stages.trials import committed
from vm_worker.stages.tune_from_scratch import train_again

if TYPE_CHECKING:
    from vm_worker.learn.arrays import Floats
    from vm_worker.learn.tune.tuning import FineTuned, TuningPolicy


def tune(context: StageContext, policy: TuningPolicy | None = None) -> Output:
    """Tune the winner. A network that was trained from scratch is trained once more instead.

    `policy` None: the usual one.
    """
    if context.inputs.from_scratch:
        return train_again(context)
    from vm_worker.learn.heads.linear import Head
    from vm_worker.learn.tune.tuning import TuneRequest, TuningPolicy
    from vm_worker.learn.tune.tuning import tune as train
    from vm_worker.learn.tune.tuning_inputs import SelectedNetwork

    inputs, spec, selected, folder = context.inputs, context.spec, context.results.selected, context.folder
    # An older version wrote none; then trials start from a head on the last features.
    start = Head.load(folder / UNSEEN_HEAD) if (folder / UNSEEN_HEAD).exists() else None
    enough = (selected.pair or selected.best).validation_score
    request = TuneRequest(
        dataset=inputs.dataset(),
        chosen=SelectedNetwork(
            inputs.weight(), Head.load(folder / HEAD), _bar(folder), enough, start, selected.pair is not None
        ),
        options=spec.options,
        budget=context.clock.tune_budget(copied=start is not None),
        folder=inputs.scratch,
        images_per_second=selected.images_per_second,
        committed=committed(context, Stage.TUNE),
        cluster=spec.cluster,
        crowd=context.clock.crowd(),
        policy=policy or TuningPolicy(),
    )
    tuned = train(request, listener(context, Stage.TUNE))
    return Output(result(selected.best, tuned, selected.pair), _written(context, tuned))


def result(best: CandidateRow, tuned: FineTuned, pair: PairRow | None = None) -> Tuned:
    """Return the stage's result. Without a finished trial its figures are those of the pair or the selected network."""
    figures: CandidateRow | PairRow | FineTuned = (pair or best) if tuned.validation_accuracy is None else tuned
    return Tuned(
        better=tuned.better,
        trials=tuned.trials,
        curve=tuned.curve,
        validation_accuracy=figures.validation_accuracy,
        validation_loss=figures.validation_loss,
        search=tuned.search,
        validation_score=figures.validation_score,
        metric=best.metric,
        share=tuned.share,
    )


def _bar(folder: Path) -> Floats | None:
    """Return the validation probabilities that tuning has to beat; None: an older version wrote none."""
    import numpy as np

    return np.load(folder / BAR) if (folder / BAR).exists() else None


def _written(context: StageContext, tuned: FineTuned) -> tuple[File, ...]:
    """Write the tuned network's files that later stages read."""
    import numpy as np

    kept = []
    if tuned.validation is not None:
        dataset = context.inputs.dataset()
        labels = dataset.truth.labels[dataset.rows(Part.VALIDATION)]
        np.savez(context.folder / JUDGED, probabilities=tuned.validation, labels=labels)
        kept.append(private(JUDGED))
    if tuned.better and tuned.weights_path is not None:
        tuned.weights_path.replace(context.folder / TUNED)
        kept.append(private(TUNED))
    return tuple(kept)
