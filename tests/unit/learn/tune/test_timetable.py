"""The timetable: more time allows larger trials, and always the last training on all photos after the rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.tune.recipe import Recipe, Views, cut_named, cuts
from vm_worker.learn.tune.timetable import (
    FINAL_MARGIN,
    GRAPHS_SECONDS,
    STEP_ACTIVATIONS,
    VIEWS_MOST,
    RuleSize,
    Speeds,
    Timetable,
    rule,
    worth_measuring,
)

LITE = CATALOGUE["efficientnet_lite0"]
LAYERS = [cut.layer for cut in cuts(LITE)]
SPEEDS = Speeds(
    forward=0.02,
    step=0.062,
    frozen=0.003,
    share_above=dict(zip(LAYERS, (0.04, 0.1, 0.25, 0.5, 1.0), strict=True)),
    activations_at=dict.fromkeys(LAYERS, 20_000),
    activations_above=dict.fromkeys(LAYERS, 200_000),
    train=600,
    validation=200,
)
RECIPE = Recipe(LAYERS[2], epochs=8, rate=3e-4, batch=32)


@pytest.mark.parametrize("seconds", [30, 60, 120, 300, 900, 3600])
def test_the_rule_fits_the_time_that_there_is(seconds: float) -> None:
    found = rule(LITE, SPEEDS, seconds, 40)
    if found is not None:
        assert SPEEDS.trial(found, SPEEDS.views(found.cut, seconds)) <= seconds


def test_more_time_unfreezes_more() -> None:
    found = [rule(LITE, SPEEDS, seconds, 40) for seconds in (5, 60, 150, 3600)]
    depths = [LAYERS.index(one.cut) if one else -1 for one in found]
    assert depths[0] == -1 and depths == sorted(depths) and depths[-1] > depths[1] >= 0


@pytest.mark.parametrize(
    ("seconds", "speed", "worth"), [(9, 100, True), (5, 100, False), (-1, 1e9, False), (9, 0, False)]
)
def test_a_slow_network_is_not_measured_where_little_time_is_left(seconds: float, speed: float, worth: bool) -> None:
    assert worth_measuring(Budget.of(seconds), speed, photos=200) is worth


def test_nothing_is_measured_where_the_photos_cannot_pass_the_network_once() -> None:
    assert worth_measuring(Budget.of(20), 100, photos=1000) and not worth_measuring(Budget.of(20), 100, photos=2000)


def test_in_a_crowd_tuning_begins_only_where_its_start_fits() -> None:
    assert worth_measuring(Budget.of(60), 100, photos=900)
    assert not worth_measuring(Budget.of(60), 100, photos=900, crowd=4.0)
    crowded = replace(SPEEDS, graphs=4 * GRAPHS_SECONDS)
    views = Views(1)
    assert crowded.trial(RECIPE, views) - SPEEDS.trial(RECIPE, views) == pytest.approx(3 * GRAPHS_SECONDS)


def test_little_time_goes_into_the_last_block_alone() -> None:
    dear = replace(SPEEDS, share_above={**SPEEDS.share_above, LAYERS[1]: 0.3})
    assert [one and one.cut for one in (rule(LITE, dear, seconds, 40) for seconds in (5, 60))] == [None, LAYERS[0]]
    vgg = CATALOGUE["vgg16"]  # has no such cut
    assert vgg.shallow is None
    speeds = replace(SPEEDS, share_above=dict.fromkeys((cut.layer for cut in cuts(vgg)), 0.1))
    speeds = replace(
        speeds,
        activations_at=dict.fromkeys(speeds.share_above, 20_000),
        activations_above=dict.fromkeys(speeds.share_above, 200_000),
    )
    found = rule(vgg, speeds, 60, 40)
    assert found is not None and found.cut == vgg.cuts[0].layer


def test_a_few_epochs_of_more_than_the_last_block_go_before_many_of_that_alone() -> None:
    found = [rule(LITE, SPEEDS, seconds, 40) for seconds in (100, 60)]
    assert [(one.cut, one.epochs) for one in found if one] == [(LAYERS[1], 4), (LAYERS[0], 8)]
    alone = SPEEDS.held(Recipe(LAYERS[0], epochs=16, rate=3e-4, batch=32))
    views = SPEEDS.views(alone.cut, 100)
    assert SPEEDS.trial(alone, views) + SPEEDS.final(alone, views, 16) <= 100


def test_a_view_costs_more_than_the_plain_pictures() -> None:
    speeds = replace(SPEEDS, frozen=0.01, view_seconds=0.01)  # 800 pictures: 8 s as they are, 16 s a view
    assert [speeds.views(LAYERS[0], 4 * quarter).count for quarter in (24.5, 40.5, 72.5)] == [2, 3, 5]
    assert speeds.views(LAYERS[0], 4 * 23.5).live


def test_the_rule_never_has_more_epochs_than_were_allowed() -> None:
    found = rule(LITE, SPEEDS, 3600, 3)
    assert found is not None and found.epochs == 3


@pytest.mark.parametrize(("steps", "epochs"), [(0, 8), (5, 8), (18, 8), (19, 8), (45, 4), (72, 2), (10_000, 2)])
def test_epochs_of_many_steps_are_fewer(steps: int, epochs: int) -> None:
    assert RuleSize(1, 8).fitted(steps) == epochs


def test_many_photos_unfreeze_more_for_fewer_epochs_rather_than_less_for_more() -> None:
    few = rule(LITE, SPEEDS, 300, 40)
    many = rule(LITE, replace(SPEEDS, train=3600, validation=1200), 1200, 40)  # six times as many, four times as long
    assert few is not None and many is not None
    assert LAYERS.index(many.cut) >= LAYERS.index(few.cut) and many.epochs < few.epochs


def test_a_suggestion_is_made_shorter_by_shares_of_its_epochs() -> None:
    time = Timetable(SPEEDS, Budget.of(60))
    assert [one.epochs for one in time.shorter(replace(RECIPE, epochs=20))] == [20, 15, 10]
    assert [one.epochs for one in time.shorter(replace(RECIPE, epochs=3))] == [3, 2, 1]
    assert [one.epochs for one in time.shorter(replace(RECIPE, epochs=1))] == [1]


@pytest.mark.parametrize(
    ("above", "batch"), [(STEP_ACTIVATIONS // 32, 32), (STEP_ACTIVATIONS // 31, 16), (STEP_ACTIVATIONS, 4)]
)
def test_a_step_takes_no_more_pictures_than_memory_holds(above: int, batch: int) -> None:
    speeds = replace(SPEEDS, activations_above={**SPEEDS.activations_above, RECIPE.cut: above})
    for held in (speeds.held(RECIPE), Timetable(speeds, Budget.of(60)).shorter(RECIPE)[0]):
        assert held == replace(RECIPE, batch=batch, rate=held.rate)
        assert held.rate == pytest.approx(RECIPE.rate * (batch / 32) ** 0.5, rel=0.01)
    wide = replace(SPEEDS, activations_above=dict.fromkeys(LAYERS, above))
    found = rule(LITE, wide, 1e6, 40)
    assert found is not None and found.batch == batch


@pytest.mark.parametrize(("train", "batch"), [(100, 16), (500, 32), (5000, 64)])
def test_the_batch_grows_with_the_photos_and_the_rate_with_it(train: int, batch: int) -> None:
    found = rule(LITE, replace(SPEEDS, train=train), 1e6, 40)
    assert found is not None and found.batch == batch
    assert found.rate == pytest.approx(3.5e-4 * (batch / 32) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("change", "seconds", "views"),
    [
        ({}, 1000, Views(VIEWS_MOST)),
        ({"frozen": 0.1}, 1000, Views(3)),  # a quarter of the time makes three passes
        ({"frozen": 0.1}, 300, Views(VIEWS_MOST, live=True)),  # not even two
        ({"activations_at": dict.fromkeys(LAYERS, 10**8)}, 1000, Views(VIEWS_MOST, live=True)),  # 160 GB each
    ],
)
def test_views_are_kept_where_time_and_disk_allow_it(change: dict[str, object], seconds: float, views: Views) -> None:
    assert replace(SPEEDS, **change).views(LAYERS[0], seconds) == views  # type: ignore[arg-type]


def test_cached_activations_cost_nothing() -> None:
    there = replace(SPEEDS, cached=frozenset({RECIPE.cut}))
    assert there.filling(RECIPE.cut, Views(5)) == 0 < SPEEDS.filling(RECIPE.cut, Views(5))
    assert there.trial(RECIPE, Views(5)) < SPEEDS.trial(RECIPE, Views(5))


def test_live_views_cost_a_pass_an_epoch() -> None:
    difference = SPEEDS.epoch(RECIPE, Views(5, live=True), 600) - SPEEDS.epoch(RECIPE, Views(5), 600)
    assert difference == pytest.approx(
        600 * SPEEDS.frozen * (1 - SPEEDS.share_above[RECIPE.cut])
    )  # what lies below the cut
    plain = replace(RECIPE, augmentation="none")
    assert SPEEDS.epoch(plain, Views(5, live=True), 600) == SPEEDS.epoch(plain, Views(5), 600)


def test_the_pace_of_trials_corrects_the_estimates() -> None:
    times = Timetable(SPEEDS, Budget.of(400))
    times.filled(RECIPE.cut)
    assert times.fits_trial(RECIPE, None)
    usual = times.speeds.epoch(RECIPE, times.views(RECIPE.cut), SPEEDS.train)
    times.took(RECIPE, 4 * usual)
    assert times.speeds.slower == pytest.approx(4)
    assert not times.fits_trial(RECIPE, None)
    times.took(RECIPE, usual)
    assert times.fits_trial(RECIPE, None) and times.fits_final(RECIPE, 8)


def test_a_trial_fits_only_with_the_training_of_the_best_after_it() -> None:
    times = Timetable(SPEEDS, Budget.of(400))
    large = replace(RECIPE, cut=LAYERS[-1], epochs=20)
    assert times.fits_trial(RECIPE, None) and not times.fits_trial(RECIPE, large)
    assert times.fits_preparing(RECIPE.cut)


@pytest.mark.parametrize(("spare", "fits"), [(1, True), (-1, False)])
def test_a_further_trial_leaves_twice_its_epochs_to_the_training_of_the_best(spare: float, fits: bool) -> None:
    there = replace(SPEEDS, cached=frozenset({RECIPE.cut}))
    needed = there.trial(RECIPE, Views(5)) + there.final(RECIPE, Views(5), 2 * RECIPE.epochs)
    times = Timetable(there, Budget.of(needed + spare))
    assert times.fits_trial(RECIPE, RECIPE) is fits
    assert times.fits_trial(RECIPE, None)  # nothing is trained again yet: once will do


def test_making_views_takes_its_time() -> None:
    slow = replace(SPEEDS, view_seconds=0.002)
    rows = slow.images
    assert slow.filling(RECIPE.cut, Views(5)) - SPEEDS.filling(RECIPE.cut, Views(5)) == pytest.approx(4 * rows * 0.002)
    assert slow.filling(RECIPE.cut, Views(5, live=True)) == SPEEDS.filling(RECIPE.cut, Views(5, live=True))
    live = slow.epoch(RECIPE, Views(5, live=True), rows) - SPEEDS.epoch(RECIPE, Views(5, live=True), rows)
    assert live == pytest.approx(rows * 0.002)


def final_epochs(seconds: float, kept: int, most: int = 40) -> int:
    times = Timetable(SPEEDS, Budget.of(seconds))
    times.filled(RECIPE.cut)
    return times.final_epochs(RECIPE, kept, most)


def test_the_last_training_takes_what_time_is_left_where_the_trial_gained_to_its_end() -> None:
    needed = 12 * FINAL_MARGIN * SPEEDS.epoch(RECIPE, Views(5), SPEEDS.images) + GRAPHS_SECONDS / 2
    assert final_epochs(needed + 1, kept=8) == 12
    assert final_epochs(1, kept=8) == 8  # whether that fits is another question
    assert final_epochs(1e6, kept=8) == 24  # three times those of the trial at most,
    assert final_epochs(1e6, kept=8, most=10) == 10  # or than the job allows,


def test_the_last_training_is_no_longer_where_the_best_came_early() -> None:
    assert final_epochs(1e6, kept=3) == 3  # of 8: what came after it was worse
    assert final_epochs(1e6, kept=4) == 16
    assert final_epochs(1e6, kept=5) == 16  # three times as many, or sixteen
    assert final_epochs(1e6, kept=6) == 18


@pytest.mark.parametrize("backbone", CATALOGUE.values(), ids=lambda row: row.key)
def test_every_cut_can_be_named(backbone: object) -> None:
    row = CATALOGUE[backbone.key]  # type: ignore[attr-defined]
    assert [cut_named(row, cut.layer) for cut in cuts(row)] == list(cuts(row))
    with pytest.raises(ValueError, match="not cut at"):
        cut_named(row, "nowhere")
