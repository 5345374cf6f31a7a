"""The trials of one tuning: a row for each, the best one, and what later trials are compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

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
    weights: Path  # where its process wrote them; not there for a trial of an earlier attempt

    @property
    def score(self) -> Score:
        """The score of its best epoch."""
        return self.result.score

    @property
    def start(self) -> str:
        """The weights that the last training goes on from; empty: from the pretrained network.

        That is where they are not at hand, or where the best epoch came early and more would not have helped.
        """
        early = 2 * self.result.epochs < self.recipe.epochs
        return "" if early or not self.weights.exists() else str(self.weights)


class TrialTable:
    """Grows by a row a trial. Only the best trial's weights stay on the disk."""

    def __init__(self, bar: Score) -> None:
        """`bar`: the selected head's score. A trial above it goes before all that are not."""
        self.bar = bar
        self.rows: list[TrialRow] = []
        self.rivals: tuple[tuple[float, ...], ...] = ()  # errors after each epoch, that trials are compared with now
        self.best: JudgedTrial | None = None
        self._ended: list[tuple[float, ...]] = []  # errors of the trials that came to their end

    def compare_with_ended(self) -> None:
        """Let all trials that have ended so far be the rivals of those that come."""
        self.rivals = tuple(self._ended)

    def enter(self, kind: str, recipe: Recipe, result: TrialResult, weights: Path) -> JudgedTrial:
        """Enter a trial that was judged, whole or given up early, as it was in the end where memory was short."""
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
        """Enter a trial that did not come to a score, and why."""
        self.rows.append(TrialRow(len(self.rows) + 1, kind, recipe.shown(), state="skipped", note=note))

    def change(self, trial: JudgedTrial, *, state: str | None = None, note: str) -> None:
        """Say more in a trial's row."""
        row = self.rows[trial.number - 1]
        self.rows[trial.number - 1] = replace(row, state=state or row.state, note=note)

    @property
    def leader(self) -> JudgedTrial | None:
        """The best trial, if it is above the selected head: only then is it trained once more."""
        return self.best if self.best and self.best.score.better_than(self.bar) else None

    def _rank(self, trial: JudgedTrial) -> None:
        if self.best is None or self._place(trial) < self._place(self.best):
            trial, self.best = self.best or trial, trial
        if trial is not self.best:
            _forget(trial)

    def _place(self, trial: JudgedTrial) -> tuple[bool, float]:
        return not trial.score.better_than(self.bar), trial.score.error


def judged_row(number: int, kind: str, shown: dict[str, float | int | str], score: Score, seconds: float) -> TrialRow:
    """The row of something that was scored; `shown` names its settings."""
    accuracy, loss = round(score.accuracy, 5), round(score.loss, 5)
    return TrialRow(number, kind, shown, accuracy, loss, round(seconds, 2))


def _forget(trial: JudgedTrial) -> None:
    trial.weights.unlink(missing_ok=True)


def leads(trial: Score, viewed: Score, head: Score) -> bool:
    """Whether the best trial is delivered, and not the head, or the head that has seen the views.

    Where both are above the head their errors decide: a photo more or less bends them less than an accuracy.
    """
    return trial.better_than(head) and not (viewed.better_than(head) and viewed.error < trial.error)


def gain(before: Score, after: Score) -> str:
    """Say in a sentence what a trial brought."""
    return f"{after.accuracy:.1%} on the validation photos; the selected head had {before.accuracy:.1%}"


def again(best: JudgedTrial | None = None, epochs: int = 0) -> str:
    """Say what the delivered model learnt afterwards: on from the best trial, or anew; None is the head alone."""
    if best and best.start:
        return f"; then trained on for {epochs} epochs with the validation photos added"
    longer = f", for {epochs} epochs, as there was time" if best and epochs > best.result.epochs else ""
    return f"; then trained once more in the same way with the validation photos added{longer}"
