"""The intake stage: unpack the photos, check them, decode them and split them."""

from __future__ import annotations

from dataclasses import replace

from vm_worker.learn.design import own_network
from vm_worker.stages.artifacts import BEFORE
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, private


def intake(context: StageContext) -> Output:
    """Take the photos in. Raises UserError for photos that cannot be used, and for a network that cannot be built."""
    inputs = context.inputs
    dataset, model = inputs.dataset(), inputs.earlier.model
    if inputs.architecture:
        own_network.check(inputs.architecture, dataset)
    taken_in = replace(dataset.taken_in(), offered=inputs.earlier.offered)
    if taken_in.earlier is None or model is None:
        return Output(taken_in)
    added = [path.name for path in context.inputs.earlier.photos(fetch=False)]
    return Output(replace(taken_in, versions=model.versions), (private(BEFORE), *map(private, added)))
