"""The intake stage: unpack the photos, check them, decode them and split them."""

from __future__ import annotations

from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output


def intake(context: StageContext) -> Output:
    """Take the photos in. Raises UserError for photos that cannot be used."""
    return Output(context.inputs.dataset().taken_in())
