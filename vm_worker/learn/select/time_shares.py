"""The shares of the time: for trying candidates, for tuning the best one, and for the work after tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vm_worker.learn.budget import Budget
from vm_worker.learn.crowding import alone_here
from vm_worker.learn.heads import folds
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.select.quote import MeasuredSpeed, relative_cost

HEADS_SHARE = 0.1  # of the time left, kept for training a candidate's heads
UNKNOWN_HEADS = 0.05  # of the time left: the seconds of a candidate's heads where none were trained yet
# Of the time left, for the heads of the first candidate. Those on all depths gain more than another candidate, a pair
# or tuning does (docs/figures.md).
FIRST_HEADS_SHARE = 0.4
# Times the seconds of one candidate's heads, for what follows the last candidate: the winner's last head, what it finds
# in the photos, and a second head. Measured: 1.4 with 600 photos, 3.3 with 1,600.
CONCLUDING = 3.0
# Times the seconds that the best candidate's heads took, for those of another: on a busy machine they may take twice as
# long, and a head on the last features alone, which is what is left then, is worth much less.
HEADS_TIMES = 2.5
TUNE_SECONDS = 15.0  # that tuning and the work after it need for any number of photos: graphs, files
# Forward passes of the best network over the photos that tuning and the work after it need: two views of each photo,
# eight epochs of the unfrozen layers, and the test. Unfreezing improves the model more than one more candidate does.
TUNE_PASSES = 9.0
TUNE_SHARE = 0.6  # of the time for selection and tuning together, that tuning may take at most
# Of the time that tuning wants, what it must get. With less it comes to no trial of use, and one more candidate, which
# may join a pair, is worth more.
TUNE_LEAST = 0.3
FEW = 2  # candidates: before so many have been tried, TUNE_SHARE is a share of the time left alone
# A pair gains more than tuning one network (docs/figures.md), so where pairs are allowed two candidates come before it.
# Where photos are few, a third one and heads that learn from views gain more for their time, too.
FEW_OF_PAIRS = 3
# The files of a pair with an unknown network take so many times as long as those of the best network.
PAIR_TIMES = 2.5
VIEWS = 3  # random views of each photo that heads learn from besides, at most
# Times the seconds of a candidate's heads: what those that learn from VIEWS take, to be judged and trained again.
# Measured: 5.4 with 600 photos.
VIEWED_HEADS = 5.5
ALONE_MARGIN = 1.25  # times the estimate of one candidate's seconds, by the speed of another on a few photos

Finishing = Callable[[float, float], float]  # images a second by Keras, GFLOP of an image -> seconds


@dataclass(frozen=True)
class TimeShares:
    """The seconds that each candidate may take; speeds are in images a second by Keras."""

    budget: Budget
    photos: int  # of training and validation
    tuned: bool  # whether the job tunes the winner
    finishing: Finishing  # seconds of the work after tuning: the test, the files
    least_finishing: Finishing | None = None  # seconds of what no job does without; None: of all that work
    first_finishing: float = 0.0  # seconds of that for the first candidate; 0 before its speed is known
    selection_and_tuning: float = 0.0  # seconds for both, counted from when the first candidate's speed was known
    pair_seconds: float = 0.0  # for building and proving a second network; 0: no pair is allowed
    views_seconds: float = 0.0  # for views of the photos through what is selected, and heads that learn from them
    slowness: Callable[[], float] = alone_here  # how many times as long as usual work takes now

    def with_speed(self, first: Backbone, speed: float) -> TimeShares:
        """Return the shares now that the first candidate's speed is known."""
        least = (self.least_finishing or self.finishing)(speed, first.gflops)
        both = self.budget.remaining() - self.finishing(speed, first.gflops)
        return replace(self, first_finishing=least, selection_and_tuning=both)

    def for_first(self) -> float:
        """Return the seconds that the first candidate may take; it is tried in any case.

        It gets all photos rather than the job all formats, which can be made later.
        """
        return self.budget.remaining() * (1 - HEADS_SHARE) - self.first_finishing

    def for_compared(self, heads: float) -> float:
        """Return the seconds for features of a network that an earlier model is compared with.

        As for the first candidate, all that comes before is what no job does without. `heads` are the seconds of the
        earlier model's heads; the other one's take as long.
        """
        left = self.budget.remaining() - self.first_finishing
        return max(0.0, left - max(heads, left * HEADS_SHARE) - CONCLUDING * heads)

    def for_more(
        self, tried: int, best: Backbone, speed: float, heads: float = 0.0, following: Backbone | None = None
    ) -> float:
        """Return the seconds for features of further candidates, of which `following` comes now, after `tried` ones.

        The rest of the time suffices for their heads, which took so many seconds before, for views of the photos, and
        to tune, test and deliver the network `best`, which has this speed.
        """
        times, gflops = 1.0, best.gflops
        if self.pair_seconds:
            times = PAIR_TIMES if following is None else 1 + relative_cost(following, best)
            gflops = gflops * times if following is None else gflops + following.gflops
        slowness = self.slowness()
        remaining = self.budget.remaining() - self.finishing(speed / times, gflops)
        left = remaining - self.pair_seconds * slowness - self.views_seconds
        heads = max(heads, left * HEADS_SHARE) + CONCLUDING * heads
        few = FEW_OF_PAIRS if self.pair_seconds and self.photos < folds.ENOUGH else FEW
        if tried < few and self.pair_seconds:
            return max(0.0, left - heads)
        tuning = TUNE_SECONDS * slowness + TUNE_PASSES * self.photos / speed
        both = remaining if tried < few else max(self.selection_and_tuning, remaining)
        # What has been spent already cannot be given to tuning any more. Reckoned without the network that follows: one
        # whose files take long would seem to leave tuning too little, and get the time that cheaper ones do not.
        alone = left - remaining + self.budget.remaining() - self.finishing(speed, best.gflops)
        most = min(TUNE_SHARE * both, alone - heads)
        return max(0.0, left - heads - (_given(tuning, most) if self.tuned else 0.0))


def for_views(passes: float, heads: float, count: int) -> float:
    """Return the seconds until heads have learnt from so many views of each photo.

    `passes` are the seconds in which all photos pass the networks once, `heads` those that the heads of these took.
    """
    return count * passes + VIEWED_HEADS * heads * (1 + count) / (1 + VIEWS)


def by_gain(ordered: Sequence[Backbone], measured: MeasuredSpeed, shares: TimeShares) -> list[Backbone]:
    """Return the candidates in the order in which they are tried, where the accuracy alone counts.

    `ordered` are those that gain most for their work first; the first of them is `measured`. It stays the first where
    another may follow it. Next are those that are expected to gain more than it, the one that gains most first, where
    the time suffices for it as the second one, which may join a pair; then the others as they came. Where the time
    suffices for one alone, it is the one that is expected to gain most of those that fit.
    """
    first, photos, remaining = ordered[0], shares.photos, shares.budget.remaining()
    heads = UNKNOWN_HEADS * remaining

    def seconds(row: Backbone) -> float:
        return photos / measured.speed * relative_cost(row, first)

    def follows(row: Backbone) -> bool:
        more = shares.for_more(1, first, measured.plain, heads, row) - seconds(first) - heads
        return measured.setup + seconds(row) <= more

    def fits(row: Backbone) -> bool:
        needed = ALONE_MARGIN * (measured.setup + seconds(row)) + heads
        return needed <= remaining - shares.finishing(measured.plain / relative_cost(row, first), row.gflops)

    if following := [row for row in ordered[1:] if follows(row)]:
        better = [row for row in following if row.gain > first.gain]
        front = [first, *sorted(better, key=lambda row: -row.gain)]
    else:
        front = [max((row for row in ordered if row is first or fits(row)), key=lambda row: row.gain)]
    return [*front, *(row for row in ordered if row not in front)]


def _given(wanted: float, most: float) -> float:
    """Return the seconds that tuning is given; none where it would get too little of what it wants."""
    return min(wanted, most) if most >= TUNE_LEAST * wanted else 0.0
