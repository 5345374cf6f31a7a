"""The result of an experiment in words: the stages, the table of all repeats, and what was saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs import wording
from vm_worker.staged.results import Arm, Column, Mean, Outcome, Saving, StageFacts, Training

LISTED = 4  # layers that the table names
IDLE_LEAST = 0.8  # processors that a training has in the mean; on an idle machine it is more than one
NOTE = (
    "Minutes are wall clock of the fit alone: its batches, steps and looks at the validation photos; for the cached "
    "column also the time that fills the cache. Reading the photos, building the network and testing are left out. "
    "Accuracy is that on the test photos. 95 %: Student's interval of the mean over the repeats, which differ in their "
    "first weights and the order of photos, and share the photos."
)


def lines(result: Outcome) -> Iterator[str]:
    """Yield the lines of results.txt, which the command shows, too."""
    left = "" if result.repeats == result.planned else f" of {result.planned}"
    yield (
        f"{wording.name(result.title, 80)}: {result.network}, {result.size} pixels, {result.repeats}{left} "
        f"{'repeat' if result.planned == 1 else 'repeats'}"
    )
    yield (
        f"Adam at {result.rate:g}, batches of {result.batch}; a training ends after {result.patience} epochs without a "
        f"lower validation loss. {result.processor}, {result.threads} threads."
    )
    yield ""
    yield from _stages(result.stages)
    yield ""
    yield from _table(result)
    yield ""
    yield from wrapped(NOTE)
    yield from _busy(result.trainings)
    for saving in result.savings:
        yield ""
        yield from wrapped(sentences(saving, result.repeats))


def sentences(saving: Saving, repeats: int) -> str:
    """Return what was saved, with the last stage alone and with all stages."""
    cached = saving.arm is Arm.CACHED
    how = "The last stage with cached outputs" if cached else "The last stage alone"
    busy = _times(saving.processor_times_faster)
    by_repeat = f" ({saving.least:.1f} to {saving.most:.1f} times by repeat)" if repeats > 1 else ""
    return " ".join(
        (
            f"{how} takes {_minutes(saving.last_minutes)} min, from scratch {_minutes(saving.scratch_minutes)} min: "
            f"{_times(saving.times_faster)}{by_repeat}; in time of the processor {busy}.",
            f"Its accuracy is {_points(saving.points)}{_chance(saving.points)}.",
            f"With the {_minutes(saving.earlier_minutes)} min of all earlier stages, the first model takes "
            f"{_minutes(saving.all_minutes)} min: {_times(saving.all_times_faster)} than from scratch.",
            _pays(saving.pays_from),
        )
    )


def heading(arm: Arm, stage: int, stages: Sequence[StageFacts]) -> str:
    """Return the heading of a column: the stage's number and name, and how it was trained."""
    name = f"{stage}: {wording.name(stages[stage - 1].name, 16)}"
    return {Arm.STAGE: name, Arm.CACHED: f"{stage}: cached", Arm.SCRATCH: "from scratch"}[arm]


def training(row: Training) -> str:
    """Return the result of one training in one line."""
    right = f"{wording.percent(row.accuracy, 1)} of {row.tested} test photos right"
    return f"{_minutes(row.minutes)} min, {wording.plural(row.epochs, 'epoch')}, {right}"


def wrapped(words: str, width: int = 118) -> Iterator[str]:
    """Yield the words in lines of at most so many characters."""
    line = ""
    for word in words.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def _busy(trainings: Sequence[Training]) -> Iterator[str]:
    """Yield a warning where other programs took so much of the machine that the wall clock measures them, too."""
    processors = sum(row.processor_minutes for row in trainings) / sum(row.minutes for row in trainings)
    if processors < IDLE_LEAST:
        yield ""
        yield from wrapped(
            f"The machine was busy with other programs: the trainings had {processors:.1f} processors in the mean. "
            "The wall clock then compares moments as much as trainings; the processor's time is the better measure."
        )


def _stages(stages: Sequence[StageFacts]) -> Iterator[str]:
    yield (
        f"{'stage':<22}{'photos':<24}{'classes':>8}{'learn':>7}{'val.':>6}{'test':>6}{'trained parameters':>24}  frozen"
    )
    for number, stage in enumerate(stages, start=1):
        learns = f"{wording.count(stage.trained_parameters)} of {wording.count(stage.parameters)}"
        yield (
            f"{f'{number}: {wording.name(stage.name, 17)}':<22}{wording.name(stage.dataset, 22):<24}"
            f"{len(stage.classes):>8}{stage.train:>7}{stage.validation:>6}{stage.test:>6}{learns:>24}"
            f"  {frozen(stage.frozen)}"
        )


def frozen(names: Sequence[str]) -> str:
    """Return the frozen layers in a few words."""
    if len(names) <= LISTED:
        return ", ".join(names) or "-"
    return f"{len(names)} layers, {names[0]} to {names[-1]}"


def _table(result: Outcome) -> Iterator[str]:
    headings = [heading(one.arm, one.stage, result.stages) for one in result.columns]
    width = max(18, *(len(one) + 2 for one in headings))
    yield f"{'repeat':<8}" + "".join(f"{one:>{width}}" for one in headings)
    yield f"{'':<8}" + f"{'min    right':>{width}}" * len(headings)
    for repeat in range(1, result.repeats + 1):
        cells = [_cell(row.minutes, row.accuracy) for row in result.trainings if row.repeat == repeat]
        yield f"{repeat:<8}" + "".join(f"{cell:>{width}}" for cell in cells)
    yield f"{'mean':<8}" + "".join(f"{_cell(one.minutes.mean, one.accuracy.mean):>{width}}" for one in result.columns)
    if result.repeats > 1:
        for title, cells in _intervals(result.columns).items():
            yield f"{title:<8}" + "".join(f"{cell:>{width}}" for cell in cells)


def _intervals(columns: Sequence[Column]) -> dict[str, list[str]]:
    return {
        "95 %": [_between(one.minutes, 1.0, 3) + " min" for one in columns],
        "": [_between(one.accuracy, 100.0, 1) + " %" for one in columns],
    }


def _between(mean: Mean, factor: float, digits: int) -> str:
    if mean.low is None or mean.high is None:
        return "-"
    return f"{mean.low * factor:.{digits}f}-{mean.high * factor:.{digits}f}"


def _cell(minutes: float, accuracy: float) -> str:
    return f"{_minutes(minutes)} {wording.percent(accuracy, 1):>8}"


def _minutes(minutes: float) -> str:
    return f"{minutes:.3f}" if minutes < 10 else f"{minutes:,.1f}"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times faster" if ratio >= 1 else f"{1 / ratio:.1f} times slower"


def _points(points: Mean) -> str:
    between = "" if points.low is None else f" (95 %: {points.low:+.1f} to {points.high:+.1f})"
    if abs(points.mean) < 0.05:
        return f"that from scratch{between}"
    return f"{abs(points.mean):.1f} points {'better' if points.mean > 0 else 'worse'} than from scratch{between}"


def _chance(points: Mean) -> str:
    if points.low is None or points.high is None:
        return "; one repeat cannot tell this from chance"
    return ", which chance may do" if points.low <= 0 <= points.high else ""


def _pays(models: int | None) -> str:
    if models is None:
        return "It never pays: each model takes longer than from scratch."
    return f"It pays from {'the first model' if models == 1 else f'{wording.count(models)} models'} on."
