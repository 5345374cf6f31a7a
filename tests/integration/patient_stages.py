"""The stages over the tiny network, which tune in their own process however long they may take.

A process that tuning starts would not know the network.
"""

from __future__ import annotations

from jobs.job import Stage
from tests.integration import tiny_stages
from vm_worker.learn.tune.tuning import TuningPolicy
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output
from vm_worker.stages.tune import tune


def tune_here(context: StageContext) -> Output:
    """Tune as the product does where time is short: without a process for trials."""
    return tune(context, TuningPolicy(isolated_seconds=10_000.0))


STAGES = {**tiny_stages.STAGES, Stage.TUNE: tune_here}
