"""Estimate how long trials take at this machine's speed, and choose what the time allows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.minibatches import batch_of
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.tune.messages import Surveyed
from vm_worker.learn.tune.recipe import EVERYTHING, NONE, Recipe, Views

CACHE_BYTES = 10 * 1024**3  # of cached activations on disk, at most
CACHE_SHARE = 0.25  # of the time for tuning, at most, for computing cached activations
GRAPHS_SECONDS = 5.0  # for tracing the graphs that train and judge
START_SECONDS = 12.0  # for starting a process, building the network and measuring it
GRAPHS_CROWD = 3.0  # times as long that tracing is expected to take at most: a trial itself looks at the clock
SURVEY_IMAGES = 128  # images that a survey sends through the network
SURVEY_SHARE = 0.25  # of the time for tuning, at most, for a survey
MARGIN = 1.25  # times an estimate: a shared machine is not always as fast as when it was measured
FINAL_MARGIN = 1.05  # times the estimate of the last training, which is made shorter where it turns out slower
VIEWS_MOST = 5  # views of each photo, the unchanged photo included
RATE = 3.5e-4  # learning rate at a batch of 32; that of heads is 1e-2
BATCH_LEAST, BATCH_MOST = 16, 64  # bounds of the batch, which is about twice that of heads; larger: too few steps
STEP_ACTIVATIONS = 2**28  # that a step of training keeps, at most: 1 GB; a laptop has little more to spare
HELD_LEAST = 4  # pictures of a step at least, however many activations they have
SLOWER_LEAST = 0.3  # least factor by which the pace of a trial corrects the measured speeds
SHORTER = (0.75, 0.5)  # times the epochs of a suggestion that does not fit the time
EPOCH_STEPS = 18  # steps of an epoch for which RULE_SIZES are meant; with longer epochs fewer suffice
EPOCHS_LEAST = 2  # of the rule, however many steps each epoch has
JUDGED = 1  # times that a trial is judged besides after each epoch
FINAL_RESERVED = 2  # times the best trial's epochs: time that further trials leave for the last training
FINAL_TIMES = 3  # the last training has at most so many times the best trial's epochs,
FINAL_SHORT = 16  # or so many epochs where that is more,
FINAL_MOST = 30  # but never more than this
SHALLOW = -1  # the depth of the cut above which only the last block is trained


@dataclass(frozen=True)
class RuleSize:
    """A possible size of the rule, the first trial: how much is unfrozen, and for how many epochs it trains."""

    depth: int  # index of the cut, 0 unfreezes least; SHALLOW: the last block alone
    epochs: int  # at most

    def fitted(self, steps: int) -> int:
        """Return the number of epochs where an epoch has so many steps: with longer epochs fewer suffice."""
        return min(self.epochs, max(EPOCHS_LEAST, math.ceil(self.epochs * EPOCH_STEPS / max(steps, 1))))


# The strongest first: the first size is taken that fits the budget together with the last training. As that one
# continues from the trial, four epochs of more than the last block bring at least as much as sixteen of it alone.
RULE_SIZES = (
    *(RuleSize(2, 12), RuleSize(2, 8), RuleSize(1, 12), RuleSize(1, 8), RuleSize(0, 8), RuleSize(0, 4)),
    *(RuleSize(SHALLOW, 16), RuleSize(SHALLOW, 8), RuleSize(SHALLOW, 4)),
)


@dataclass(frozen=True)
class RowCounts:
    """The numbers of training and validation photos."""

    train: int
    validation: int


@dataclass(frozen=True)
class Speeds:
    """The measured speeds of the network on this machine, and the estimates that follow from them."""

    forward: float  # seconds a picture: forward pass of the whole network by Keras
    step: float  # seconds a picture: step of training of the whole network
    frozen: float  # seconds a picture: pass through the frozen network by the fastest engine
    share_above: Mapping[str, float]  # by cut: the share of a forward pass above it, 0..1
    activations_at: Mapping[str, int]  # by cut: activations of a picture at it
    activations_above: Mapping[str, int]  # by cut: activations of a picture that a step keeps above it
    train: int  # number of training photos
    validation: int  # number of validation photos
    view_seconds: float = 0.0  # seconds to make a random view of a picture
    slower: float = 1.0  # factor by which trials have been slower than these figures say
    cached: frozenset[str] = field(default_factory=frozenset)  # cuts whose activations are computed
    graphs: float = GRAPHS_SECONDS  # seconds to trace the graphs that train and judge
    deep: bool = False  # whether a view that is made anew passes the whole frozen network

    @classmethod
    def of(cls, surveyed: Surveyed, rows: RowCounts, crowd: float = 1.0) -> Speeds:
        """Take the speeds from a survey, for so many rows; work took `crowd` times as long as alone meanwhile."""
        return cls(
            forward=surveyed.forward,
            step=surveyed.step,
            view_seconds=surveyed.view_seconds,
            frozen=surveyed.frozen,
            share_above=surveyed.share_above,
            activations_at=surveyed.activations_at,
            activations_above=surveyed.activations_above,
            train=rows.train,
            validation=rows.validation,
            graphs=min(crowd, GRAPHS_CROWD) * GRAPHS_SECONDS,
            deep=surveyed.deep,
        )

    @property
    def images(self) -> int:
        """The number of training and validation photos."""
        return self.train + self.validation

    def filling(self, cut: str, views: Views) -> float:
        """Estimate the seconds to compute the activations at a cut; 0 where they are cached."""
        if cut in self.cached:
            return 0.0
        more = 0 if views.live else views.count - 1  # besides the unchanged pictures
        return self.images * (self.frozen + more * (self.frozen + self.view_seconds))

    def epoch(self, recipe: Recipe, views: Views, rows: int) -> float:
        """Estimate the seconds of an epoch on so many rows, without judging."""
        above = self.share_above[recipe.cut]
        below = 1.0 if self.deep else 1 - above
        live = self.view_seconds + below * self.frozen if views.live and recipe.augmentation != NONE else 0.0
        return self.slower * (self.step * above + live) * rows

    def trial(self, recipe: Recipe, views: Views) -> float:
        """Estimate the seconds of a whole trial."""
        judging = self.slower * self.forward * self.share_above[recipe.cut] * self.validation * (recipe.epochs + JUDGED)
        training = recipe.epochs * self.epoch(recipe, views, self.train) + judging
        return self.graphs + MARGIN * (self.filling(recipe.cut, views) + training)

    def final(self, recipe: Recipe, views: Views, epochs: int) -> float:
        """Estimate the seconds of the last training, on all rows."""
        return self.graphs / 2 + MARGIN * epochs * self.epoch(recipe, views, self.images)

    def held(self, recipe: Recipe) -> Recipe:
        """Reduce the recipe's batch to what memory holds, and the learning rate with it.

        With Adam the rate scales with the square root of the batch (Malladi et al., NeurIPS 2022, section 4).
        """
        batch = recipe.batch
        while batch > HELD_LEAST and batch * self.activations_above[recipe.cut] > STEP_ACTIVATIONS:
            batch //= 2
        if batch == recipe.batch:
            return recipe
        return replace(recipe, batch=batch, rate=float(f"{recipe.rate * (batch / recipe.batch) ** 0.5:.3g}"))

    def views(self, cut: str, seconds: float) -> Views:
        """Choose the views at this cut that so many seconds and the disk allow: cached ones, or live ones."""
        plain, more = self.images * self.frozen, self.images * (self.frozen + self.view_seconds)
        within = 1 + (CACHE_SHARE * seconds - plain) / max(more, 1e-9)
        room = CACHE_BYTES // (self.images * self.activations_at[cut] * np.float16().nbytes)
        kept = int(min(within, room, VIEWS_MOST))
        return Views(kept) if kept > 1 else Views(VIEWS_MOST, live=True)


def worth_measuring(budget: Budget, images_per_second: float, photos: int, crowd: float = 1.0) -> bool:
    """Return whether the time left is worth a survey, which takes some of it.

    All `photos` pass the frozen network at least once before a trial ends. Where a process is to start, and work takes
    `crowd` times as long as alone, the start is counted, too.
    """
    speed = max(images_per_second, 1e-6)
    survey, trial = SURVEY_IMAGES / speed + (crowd - 1) * START_SECONDS, photos / speed + GRAPHS_SECONDS
    return survey <= SURVEY_SHARE * budget.remaining() and survey + trial <= budget.remaining()


def rule(backbone: Backbone, speeds: Speeds, seconds: float, epochs_most: int) -> Recipe | None:
    """Choose the strongest recipe that fits so many seconds; None when none does.

    A recipe that fits together with the last training is preferred to all that fit without it.
    """
    batch = int(np.clip(1 << (2 * batch_of(speeds.train)).bit_length() - 1, BATCH_LEAST, BATCH_MOST))
    rate = float(f"{RATE * (batch / 32) ** 0.5:.3g}")
    for with_last_training in (True, False):
        for size in RULE_SIZES:
            cut = _cut(backbone, size.depth)
            if cut is None:
                continue
            views = speeds.views(cut, seconds)
            recipe = speeds.held(Recipe(cut, min(size.fitted(speeds.train // batch), epochs_most), rate, batch))
            needed = speeds.trial(recipe, views) + with_last_training * speeds.final(recipe, views, recipe.epochs)
            if needed <= seconds:
                return recipe
    return None


def _cut(backbone: Backbone, depth: int) -> str | None:
    """Return the layer of the cut at this depth; None where the network has no such cut."""
    if depth == SHALLOW:
        return backbone.shallow.layer if backbone.shallow else None
    deeper = (*backbone.cuts, EVERYTHING)
    return deeper[min(depth, len(deeper) - 1)].layer


class Timetable:
    """The plan of the time left: what still fits, by the measured speeds and the pace of the trials since."""

    def __init__(self, speeds: Speeds, budget: Budget) -> None:
        self.speeds, self._budget = speeds, budget
        self._views: dict[str, Views] = {}

    def views(self, cut: str) -> Views:
        """Return the views at this cut, decided once: what is cached is not computed again."""
        if cut not in self._views:
            self._views[cut] = self.speeds.views(cut, self._budget.remaining())
        return self._views[cut]

    def rule(self, backbone: Backbone, epochs_most: int) -> Recipe | None:
        """Choose the strongest recipe that fits now; None when none does."""
        return rule(backbone, self.speeds, self._budget.remaining(), epochs_most)

    def fits_preparing(self, cut: str) -> bool:
        """Return whether computing activations and heads fits, without a trial."""
        return self._fits(self.speeds.graphs + self.speeds.filling(cut, self.views(cut)))

    def fits_trial(self, recipe: Recipe, best: Recipe | None) -> bool:
        """Return whether the trial fits, and after it the last training of this recipe or of the best one.

        Once there is a best trial, time is reserved for a last training of more epochs than that trial had: they gain
        more than one more trial does.
        """
        times = FINAL_RESERVED if best else 1
        finals = [self._final(one, times * one.epochs) for one in (recipe, best) if one]
        return self._fits(self.speeds.trial(recipe, self.views(recipe.cut)) + max(finals))

    def shorter(self, recipe: Recipe) -> list[Recipe]:
        """Return the recipe as memory allows it, and variants of it with fewer and fewer epochs."""
        held = self.speeds.held(recipe)
        fewer = (int(share * held.epochs) for share in SHORTER)
        return [held, *(replace(held, epochs=epochs) for epochs in fewer if epochs)]

    def fitted(self, recipe: Recipe, best: Recipe | None) -> Recipe | None:
        """Return the recipe, with fewer epochs where it would not fit the time; None where even those do not."""
        return next((one for one in self.shorter(recipe) if self.fits_trial(one, best)), None)

    def fits_final(self, recipe: Recipe, epochs: int) -> bool:
        """Return whether a last training of so many epochs fits."""
        return self._fits(self.speeds.filling(recipe.cut, self.views(recipe.cut)) + self._final(recipe, epochs))

    def final_epochs(self, recipe: Recipe, kept: int, most: int) -> int:
        """Return the epochs of the last training: the best trial's best epoch, or more where the time allows.

        More than `kept`, and at most `most`, only where the best epoch lay in the trial's second half. A trial is
        short to leave time for others; where its second half still gained, a longer training gains more. Which epoch
        of that half was best is chance, on a few hundred photos.
        """
        longer = min(most, FINAL_MOST, max(FINAL_SHORT, FINAL_TIMES * kept))
        most = longer if 2 * kept >= recipe.epochs else kept
        left = self._budget.remaining() - self.speeds.filling(recipe.cut, self.views(recipe.cut))
        one = FINAL_MARGIN / MARGIN * (self._final(recipe, 1) - self._final(recipe, 0))
        return max(kept, min(most, int((left - self._final(recipe, 0)) / max(one, 1e-6))))

    def filled(self, cut: str) -> None:
        """Note that the activations of this cut are cached."""
        self.speeds = replace(self.speeds, cached=self.speeds.cached | {cut})

    def took(self, recipe: Recipe, pace: float) -> None:
        """Note a trial's pace, in seconds an epoch: it replaces earlier corrections of the measured speeds."""
        speeds = replace(self.speeds, slower=1.0)
        expected = speeds.epoch(recipe, self.views(recipe.cut), speeds.train)
        self.speeds = replace(speeds, slower=max(SLOWER_LEAST, pace / max(expected, 1e-6)))

    def _final(self, recipe: Recipe, epochs: int) -> float:
        return self.speeds.final(recipe, self.views(recipe.cut), epochs)

    def _fits(self, seconds: float) -> bool:
        return seconds <= self._budget.remaining()
