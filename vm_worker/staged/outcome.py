"""Put together the whole result of an experiment, and write it as JSON, text and picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.latency.measurement import machine
from vm_worker.staged import plot, text
from vm_worker.staged.experiment import Prepared
from vm_worker.staged.results import Outcome, StageFacts, Training, columns, savings

RESULTS = "results"


def outcome(ready: Prepared, rows: Sequence[Training]) -> Outcome:
    """Return the result of these trainings, which must be of whole repeats."""
    plan, here = ready.plan, machine()
    return Outcome(
        modelmail=version("modelmail"),
        title=plan.title,
        network=plan.network,
        size=plan.size,
        seed=plan.seed,
        batch=plan.training.batch,
        rate=plan.training.rate,
        patience=plan.training.patience,
        repeats=max(row.repeat for row in rows),
        planned=plan.repeats,
        processor=here.processor,
        threads=here.threads,
        stages=tuple(_stage(ready, number) for number in range(len(plan.stages))),
        trainings=tuple(rows),
        columns=columns(rows),
        savings=savings(rows),
    )


def files(folder: Path) -> list[Path]:
    """Return the paths of the results: JSON, text and picture."""
    return [folder / f"{RESULTS}.{ending}" for ending in ("json", "txt", "png")]


def write(folder: Path, result: Outcome) -> None:
    """Write the results as JSON, text and picture."""
    paths = files(folder)
    with replacing(paths[0]) as part:
        part.write_text(json.dumps(result.to_json(), indent=2) + "\n", encoding="utf-8")
    with replacing(paths[1]) as part:
        part.write_text("\n".join(text.lines(result)) + "\n", encoding="utf-8")
    with replacing(paths[2]) as part:
        plot.draw(part, result)


def _stage(ready: Prepared, at: int) -> StageFacts:
    stage, outline, facts = ready.plan.stages[at], ready.outlines[at], ready.photos[at].facts
    return StageFacts(
        name=stage.name,
        dataset=stage.dataset.name,
        sha256=facts.sha256,
        classes=facts.classes,
        train=facts.train,
        validation=facts.validation,
        test=facts.test,
        ready_made_split=facts.ready_made_split,
        warnings=facts.warnings,
        frozen=outline.frozen,
        new_head=stage.new_head,
        parameters=outline.parameters(len(facts.classes)),
        trained_parameters=outline.trained(len(facts.classes)),
        epochs=stage.epochs,
        minutes=stage.minutes,
    )
