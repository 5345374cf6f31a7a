"""A table of the trials of one tuning: a row for each, the best trial, and the errors that pruning compares with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from jobs import wording
from vm_worker.learn.judge.scores import Score
from vm_worker.learn.tune.messages import TrialResult
from vm_worker.learn.tune.recipe import Recipe
from vm_worker.results.trials import TrialRow


@dataclass(frozen=True)
class JudgedTrial:
    """A trial that came to a score."""

    number: int  # of its row
    recipe: Recipe
    result: TrialResult
    weights: Path  # the file that its process wrote; it does not exist for a trial of an earlier attempt

    @property
    def score(self) -> Score:
        """The score of the best epoch."""
        return self.result.score

    @property
    def start(self) -> str:
        """The file of weights that the last training continues from; empty: it starts from the pretrained network.

        It is empty where the file is lost, or where the best epoch came early, so that more training does not help.
        """
        early = 2 * self.result.epochs < self.recipe.epochs
        return "" if early or not self.weights.exists() else str(self.weights)


class TrialTable:
    """A growing table with a row a trial. Only the best trial's weights stay on the disk."""

    def __init__(self, bar: Score) -> None:
        """Begin a table. `bar` is the selected head's score: trials above it rank before all others."""
        self.bar = bar
        self.rows: list[TrialRow] = []
        self.rivals: tuple[tuple[float, ...], ...] = ()  # errors after each epoch of the trials to compare with now
        self.best: JudgedTrial | None = None
        self._ended: list[tuple[float, ...]] = []  # errors of the trials that came to their end

    def compare_with_ended(self) -> None:
        """Compare the trials that come with all that have ended so far."""
        self.rivals = tuple(self._ended)

    def enter(self, kind: str, recipe: Recipe, result: TrialResult, weights: Path) -> JudgedTrial:
        """Enter a trial that was judged, complete or given up early, with the batch that it had in the end."""
        batch, rate = result.batch or recipe.batch, result.rate or recipe.rate
        trial = JudgedTrial(len(self.rows) + 1, replace(recipe, batch=batch, rate=rate), result, weights)
        shown = {**trial.recipe.shown(), "epochs kept": result.epochs}
        self.rows.append(judged_row(trial.number, kind, shown, result.score, result.seconds))
        if result.pruned:
            self.change(trial, note=f"given up after {len(result.errors)} epochs: it was behind most others")
            _forget(trial)
        else:
            self._ended.append(result.errors)
            self._rank(trial)
        return trial

    def skip(self, kind: str, recipe: Recipe, note: str) -> None:
        """Enter a trial without a score, and the reason."""
        self.rows.append(TrialRow(len(self.rows) + 1, kind, recipe.shown(), state="skipped", note=note))

    def change(self, trial: JudgedTrial, *, state: str | None = None, note: str) -> None:
        """Change the note, and perhaps the state, of a trial's row."""
        row = self.rows[trial.number - 1]
        self.rows[trial.number - 1] = replace(row, state=state or row.state, note=note)

    @property
    def leader(self) -> JudgedTrial | None:
        """The best trial, if it is better than the selected head: only then is it trained once more."""
        return self.best if self.best and self.best.score.better_than(self.bar) else None

    def _rank(self, trial: JudgedTrial) -> None:
        if self.best is None or self._place(trial) < self._place(self.best):
            trial, self.best = self.best or trial, trial
        if trial is not self.best:
            _forget(trial)

    def _place(self, trial: JudgedTrial) -> tuple[bool, float]:
        return not trial.score.better_than(self.bar), trial.score.error


def judged_row(number: int, kind: str, shown: dict[str, float | int | str], score: Score, seconds: float) -> TrialRow:
    """Return the row of a trial or head that was scored; `shown` are its settings by name."""
    return TrialRow(
        number=number,
        kind=kind,
        parameters=shown,
        validation_accuracy=round(score.accuracy, 5),
        validation_loss=round(score.loss, 5),
        seconds=round(seconds, 2),
        validation_score=round(score.value, 5),
        metric=score.metric,
    )


def _forget(trial: JudgedTrial) -> None:
    trial.weights.unlink(missing_ok=True)


def leads(trial: Score, viewed: Score, head: Score) -> bool:
    """Return whether the best trial is delivered, rather than the selected head or the head trained on views.

    Where both are better than the selected head, their errors decide: one photo more or less changes an error less
    than an accuracy.
    """
    return trial.better_than(head) and not (viewed.better_than(head) and viewed.error < trial.error)


def gain(before: Score, after: Score) -> str:
    """Describe in a sentence what a trial gained."""
    came, had = (wording.percent(score.value, 1) for score in (after, before))
    return f"{came} on the validation photos; the model selected had {had}"


def again(best: JudgedTrial | None = None, epochs: int = 0) -> str:
    """Describe the last training: continued from the best trial, or anew; `best` is None for the head alone."""
    if best and best.start:
        return f"; then trained on for {epochs} epochs with the validation photos added"
    longer = f", for {epochs} epochs, as there was time" if best and epochs > best.result.epochs else ""
    return f"; then trained once more in the same way with the validation photos added{longer}"
