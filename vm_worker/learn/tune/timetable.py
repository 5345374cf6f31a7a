"""How long a trial will take at this machine's speed, and which rule the time allows. Plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.linear import batch_of
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.tune.messages import Surveyed
from vm_worker.learn.tune.recipe import EVERYTHING, NONE, Recipe, Views

CACHE_BYTES = 10 * 1024**3  # of activations at most, on disk
CACHE_SHARE = 0.25  # of the time for tuning that may go into them
GRAPHS_SECONDS = 5.0  # tracing of the graphs that train and judge
SURVEY_IMAGES, SURVEY_SHARE = 128, 0.25  # that a survey sends through the network; of the time, at most, for it
MARGIN = 1.25  # a shared machine is not always as fast as when it was measured
FINAL_MARGIN = 1.05  # of the last training, by the pace of its trial: should it be slower, it is made shorter
VIEWS_MOST = 5  # the plain one included
RATE = 3.5e-4  # at a batch of 32; the heads' is 1e-2
BATCH_LEAST, BATCH_MOST = 16, 64  # twice the heads' within these: larger ones leave too few steps
STEP_NUMBERS = 2**28  # activations that a step keeps, at most: 1 GB; a laptop has little more to spare
HELD_LEAST = 4  # pictures of a step, however many those have
SLOWER_LEAST = 0.3  # no trial makes the next one look more than so many times faster than was measured
SHORTER = (0.75, 0.5)  # times the epochs of a suggestion that does not fit the time
EPOCH_STEPS = 18  # of the epochs that the rungs count; of many photos each epoch has more, and fewer do
EPOCHS_LEAST = 2  # of the rule, however many steps each has
JUDGED = 1  # times that a trial is judged besides its epochs
FINAL_RESERVED = 2  # times a trial's epochs that no further trial takes from the training on all photos
# Of the training on all photos: times the epochs of a short trial, or so many, at most; epochs of a long one's at most.
FINAL_TIMES, FINAL_SHORT, FINAL_MOST = 3, 16, 30
SHALLOW = -1  # a depth


@dataclass(frozen=True)
class RuleSize:
    """One size of the rule trial."""

    depth: int  # which of the network's cuts; SHALLOW: the last block alone
    epochs: int  # at most

    def fitted(self, steps: int) -> int:
        """Epochs of so many steps each: few photos are seen more often, of many fewer epochs train as far."""
        return min(self.epochs, max(EPOCHS_LEAST, math.ceil(self.epochs * EPOCH_STEPS / max(steps, 1))))


# The strongest first: what the budget allows is taken, with the training on all photos that follows. As that goes on
# from the trial, four epochs of more than the last block bring as much as sixteen of that alone, or more.
RULE_SIZES = (
    *(RuleSize(2, 12), RuleSize(2, 8), RuleSize(1, 12), RuleSize(1, 8), RuleSize(0, 8), RuleSize(0, 4)),
    *(RuleSize(SHALLOW, 16), RuleSize(SHALLOW, 8), RuleSize(SHALLOW, 4)),
)


@dataclass(frozen=True)
class RowCounts:
    """How many rows there are to learn from and to judge on."""

    train: int
    validation: int


@dataclass(frozen=True)
class Speeds:
    """What was measured here."""

    forward: float  # seconds a picture, whole network, as training judges it
    step: float  # seconds a picture of a step of training, whole network
    frozen: float  # the same as features are extracted
    shares: Mapping[str, float]  # part of a forward pass above each cut
    numbers: Mapping[str, int]  # activations of a picture at each cut
    above: Mapping[str, int]  # and in all that is above it
    train: int  # rows
    validation: int
    viewing: float = 0.0  # seconds in which a random view of a picture is made
    slower: float = 1.0  # than these say, as trials have shown
    cached: frozenset[str] = field(default_factory=frozenset)  # cuts whose activations are there

    @classmethod
    def of(cls, surveyed: Surveyed, rows: RowCounts) -> Speeds:
        """From a survey, for so many rows."""
        return cls(
            forward=surveyed.forward,
            step=surveyed.step,
            viewing=surveyed.viewing,
            frozen=surveyed.frozen,
            shares=surveyed.shares,
            numbers=surveyed.numbers,
            above=surveyed.above,
            train=rows.train,
            validation=rows.validation,
        )

    @property
    def images(self) -> int:
        """Rows to learn from."""
        return self.train + self.validation

    def filling(self, cut: str, views: Views) -> float:
        """Seconds until the activations are there."""
        if cut in self.cached:
            return 0.0
        more = 0 if views.live else views.count - 1  # besides the pictures as they are
        return self.images * (self.frozen + more * (self.frozen + self.viewing))

    def epoch(self, recipe: Recipe, views: Views, rows: int) -> float:
        """Seconds of an epoch on so many rows, without judging."""
        above = self.shares[recipe.cut]
        live = self.viewing + (1 - above) * self.frozen if views.live and recipe.augmentation != NONE else 0.0
        return self.slower * (self.step * above + live) * rows

    def trial(self, recipe: Recipe, views: Views) -> float:
        """Seconds of a whole trial."""
        judging = self.slower * self.forward * self.shares[recipe.cut] * self.validation * (recipe.epochs + JUDGED)
        training = recipe.epochs * self.epoch(recipe, views, self.train) + judging
        return GRAPHS_SECONDS + MARGIN * (self.filling(recipe.cut, views) + training)

    def final(self, recipe: Recipe, views: Views, epochs: int) -> float:
        """Seconds of training once more on all rows."""
        return GRAPHS_SECONDS / 2 + MARGIN * epochs * self.epoch(recipe, views, self.images)

    def held(self, recipe: Recipe) -> Recipe:
        """The recipe with as many pictures a step as memory holds, and the rate that goes with them.

        With Adam the rate goes with the batch's square root (Malladi et al. 2022, section 4).
        """
        batch = recipe.batch
        while batch > HELD_LEAST and batch * self.above[recipe.cut] > STEP_NUMBERS:
            batch //= 2
        if batch == recipe.batch:
            return recipe
        return replace(recipe, batch=batch, rate=float(f"{recipe.rate * (batch / recipe.batch) ** 0.5:.3g}"))

    def views(self, cut: str, seconds: float) -> Views:
        """Which views the time and the disk allow at this cut."""
        plain, more = self.images * self.frozen, self.images * (self.frozen + self.viewing)
        within = 1 + (CACHE_SHARE * seconds - plain) / max(more, 1e-9)
        room = CACHE_BYTES // (self.images * self.numbers[cut] * np.float16().nbytes)
        kept = int(min(within, room, VIEWS_MOST))
        return Views(kept) if kept > 1 else Views(VIEWS_MOST, live=True)


def worth_measuring(budget: Budget, images_per_second: float) -> bool:
    """Whether the time that is left is worth a survey, which costs some of it."""
    return SURVEY_IMAGES / max(images_per_second, 1e-6) <= SURVEY_SHARE * budget.remaining()


def rule(backbone: Backbone, speeds: Speeds, seconds: float, epochs_most: int) -> Recipe | None:
    """The strongest recipe that fits, at best with the training on all rows after it; None when none does."""
    batch = int(np.clip(1 << (2 * batch_of(speeds.train)).bit_length() - 1, BATCH_LEAST, BATCH_MOST))
    rate = float(f"{RATE * (batch / 32) ** 0.5:.3g}")
    for repeated in (True, False):
        for rung in RULE_SIZES:
            cut = _cut(backbone, rung.depth)
            if cut is None:
                continue
            views = speeds.views(cut, seconds)
            recipe = speeds.held(Recipe(cut, min(rung.fitted(speeds.train // batch), epochs_most), rate, batch))
            needed = speeds.trial(recipe, views) + repeated * speeds.final(recipe, views, recipe.epochs)
            if needed <= seconds:
                return recipe
    return None


def _cut(backbone: Backbone, depth: int) -> str | None:
    """The layer; None where the network has no such cut."""
    if depth == SHALLOW:
        return backbone.shallow.layer if backbone.shallow else None
    deeper = (*backbone.cuts, EVERYTHING)
    return deeper[min(depth, len(deeper) - 1)].layer


class Timetable:
    """What still fits the budget, by what was measured and what trials have shown since."""

    def __init__(self, speeds: Speeds, budget: Budget) -> None:
        self.speeds, self._budget = speeds, budget
        self._views: dict[str, Views] = {}

    def views(self, cut: str) -> Views:
        """Decided once for each cut: a cache that is there is not made again."""
        if cut not in self._views:
            self._views[cut] = self.speeds.views(cut, self._budget.remaining())
        return self._views[cut]

    def rule(self, backbone: Backbone, epochs_most: int) -> Recipe | None:
        """The strongest that fits now."""
        return rule(backbone, self.speeds, self._budget.remaining(), epochs_most)

    def fits_preparing(self, cut: str) -> bool:
        """Activations and heads alone."""
        return self._fits(GRAPHS_SECONDS + self.speeds.filling(cut, self.views(cut)))

    def fits_trial(self, recipe: Recipe, best: Recipe | None) -> bool:
        """The trial, and then the training on all photos of whatever is best.

        Once there is a best one, that is with more epochs than it had: those gain more than a trial more does.
        """
        times = FINAL_RESERVED if best else 1
        finals = [self._final(one, times * one.epochs) for one in (recipe, best) if one]
        return self._fits(self.speeds.trial(recipe, self.views(recipe.cut)) + max(finals))

    def shorter(self, recipe: Recipe) -> list[Recipe]:
        """The recipe as memory allows it, and the same with fewer and fewer epochs."""
        held = self.speeds.held(recipe)
        fewer = (int(share * held.epochs) for share in SHORTER)
        return [held, *(replace(held, epochs=epochs) for epochs in fewer if epochs)]

    def fitted(self, recipe: Recipe, best: Recipe | None) -> Recipe | None:
        """The recipe, with fewer epochs where it would not fit the time; None where even the fewest do not."""
        return next((one for one in self.shorter(recipe) if self.fits_trial(one, best)), None)

    def fits_final(self, recipe: Recipe, epochs: int) -> bool:
        """The training on all photos."""
        return self._fits(self.speeds.filling(recipe.cut, self.views(recipe.cut)) + self._final(recipe, epochs))

    def final_epochs(self, recipe: Recipe, kept: int, most: int) -> int:
        """Of the training on all photos: as many as were best; more where the time allows it, unless that was early.

        A trial is short for the sake of the other trials: where its second half gained, the delivered model's need not
        be. Which epoch of that half was best is chance, on a few hundred photos.
        """
        longer = min(most, FINAL_MOST, max(FINAL_SHORT, FINAL_TIMES * kept))
        most = longer if 2 * kept >= recipe.epochs else kept
        left = self._budget.remaining() - self.speeds.filling(recipe.cut, self.views(recipe.cut))
        one = FINAL_MARGIN / MARGIN * (self._final(recipe, 1) - self._final(recipe, 0))
        return max(kept, min(most, int((left - self._final(recipe, 0)) / max(one, 1e-6))))

    def filled(self, cut: str) -> None:
        """The activations of this cut are there."""
        self.speeds = replace(self.speeds, cached=self.speeds.cached | {cut})

    def took(self, recipe: Recipe, pace: float) -> None:
        """A trial's seconds an epoch: believed more than what was measured before."""
        speeds = replace(self.speeds, slower=1.0)
        expected = speeds.epoch(recipe, self.views(recipe.cut), speeds.train)
        self.speeds = replace(speeds, slower=max(SLOWER_LEAST, pace / max(expected, 1e-6)))

    def _final(self, recipe: Recipe, epochs: int) -> float:
        return self.speeds.final(recipe, self.views(recipe.cut), epochs)

    def _fits(self, seconds: float) -> bool:
        return seconds <= self._budget.remaining()
