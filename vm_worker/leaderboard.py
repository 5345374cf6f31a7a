"""The trials of one tuning: a row for each, the best one, and what pruning compares with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vm_worker.learn.recipe import Recipe
from vm_worker.learn.scores import Score
from vm_worker.results.trials import TrialRow
from vm_worker.search.searcher import Outcome


@dataclass(frozen=True)
class Contender:
    """A trial that was judged."""

    recipe: Recipe
    score: Score
    result: Mapping[str, Any]
    weights: Path  # where its process wrote them; not there for a trial of an earlier attempt
    number: int  # of its row

    @property
    def start(self) -> str:
        """The weights that the last training goes on from; empty: from the pretrained network.

        That is where they are not at hand, or where the best epoch came early and more would not have helped.
        """
        early = 2 * self.result["epochs"] < self.recipe.epochs
        return "" if early or not self.weights.exists() else str(self.weights)


class Board:
    """Grows by a row a trial. Only the best trial's weights stay on the disk."""

    def __init__(self) -> None:
        self.rows: list[TrialRow] = []
        self.rivals: list[list[float]] = []  # errors after each epoch, of the trials that came to their end
        self.best: Contender | None = None
        self.bar: Score | None = None  # the selected head's: a trial above it goes before all that are not

    def enter(self, kind: str, recipe: Recipe, result: Mapping[str, Any], weights: Path) -> Contender:
        """A trial that was judged, whole or given up early. What it was reduced to for want of memory is shown."""
        score = Score.from_json(result["score"])
        recipe = replace(recipe, batch=result.get("batch", recipe.batch), rate=result.get("rate", recipe.rate))
        entry = row(len(self.rows) + 1, kind, recipe, score)
        parameters = {**entry.parameters, "epochs kept": result["epochs"]}
        self.rows.append(replace(entry, seconds=round(result["seconds"], 2), parameters=parameters))
        contender = Contender(recipe, score, result, weights, entry.number)
        if result["state"] == "pruned":
            self.note(contender, f"given up after {len(result['errors'])} epochs: it was behind most others")
            _forget(contender)
        else:
            self.rivals.append(list(result["errors"]))
            self._rank(contender)
        return contender

    def note(self, contender: Contender, note: str, *, kept: bool = False) -> None:
        """Write a note into a trial's row; `kept` says that its weights are delivered."""
        before = self.rows[contender.number - 1]
        self.rows[contender.number - 1] = replace(before, note=note, state="kept" if kept else before.state)

    def _rank(self, contender: Contender) -> None:
        if self.best is None or self._place(contender) < self._place(self.best):
            contender, self.best = self.best or contender, contender
        if contender is not self.best:
            _forget(contender)

    def _place(self, contender: Contender) -> tuple[bool, float]:
        return self.bar is not None and not contender.score.better_than(self.bar), contender.score.error

    @property
    def leader(self) -> Contender | None:
        """The best one, if it is above the selected head: only then is it trained once more."""
        best = self.best
        return best if best and (self.bar is None or best.score.better_than(self.bar)) else None

    def skip(self, kind: str, recipe: Recipe, note: str) -> Outcome:
        """A trial that did not come to a figure, and why."""
        self.rows.append(replace(row(len(self.rows) + 1, kind, recipe), state="skipped", note=note))
        return Outcome(None)


def _forget(contender: Contender) -> None:
    contender.weights.unlink(missing_ok=True)


def leads(trial: Score, viewed: Score, head: Score) -> bool:
    """Whether the best trial is delivered, and not the head, or the one that has seen the views.

    Where both are above the head their errors decide: a photo more or less bends them less than an accuracy.
    """
    return trial.better_than(head) and not (viewed.better_than(head) and viewed.error < trial.error)


def gain(before: Score, after: Score) -> str:
    """What a trial brought, as a sentence."""
    return f"{after.accuracy:.1%} on the validation photos; the selected head had {before.accuracy:.1%}"


def again(best: Contender | None = None, epochs: int = 0) -> str:
    """What the delivered model learnt afterwards: on from the best trial, or anew; None is the head alone."""
    if best and best.start:
        return f"; then trained on for {epochs} epochs with the validation photos added"
    longer = f", for {epochs} epochs, as there was time" if best and epochs > best.result["epochs"] else ""
    return f"; then trained once more in the same way with the validation photos added{longer}"


def row(number: int, kind: str, recipe: Recipe | None, score: Score | None = None) -> TrialRow:
    """One line of the report's table."""
    return TrialRow(
        number=number,
        kind=kind,
        parameters=recipe.shown() if recipe else {},
        validation_accuracy=round(score.accuracy, 5) if score else None,
        validation_loss=round(score.loss, 5) if score else None,
    )
