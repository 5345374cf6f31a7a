"""Whether two photos show one scene, against a plain and slow account of the same; and how many pairs are compared."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from vm_worker.intake.recordings.scenes import Scenes

Grey = NDArray[np.uint8]


def soft(count: int, side: int) -> Grey:
    """Different pictures of large shades with a little detail."""
    random = np.random.default_rng(1)
    shades = random.integers(0, 180, (count, 3, 3)).repeat(6, axis=1).repeat(6, axis=2)
    return np.asarray(shades + random.integers(0, 70, shades.shape), np.uint8)[:, :side, :side]


def different(count: int) -> Grey:
    """Pictures of noise, none of which is like another."""
    return np.random.default_rng(2).integers(0, 256, (count, 8, 8)).astype(np.uint8)


def overlap(picture: NDArray[np.float64], down: int, right: int) -> NDArray[np.float64]:
    """The part of a picture that the other one shows, too."""
    rows, columns = picture.shape
    return picture[max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)]


def alike(one: Grey, other: Grey) -> float:
    """The correlation of details at the best shift of at most three pixels; -1 where the means there differ."""
    means = [uniform_filter(picture.astype(float), 5, mode="nearest") for picture in (one, other)]
    details = [picture - mean for picture, mean in zip((one, other), means, strict=True)]
    best, shades = -1.0, -1.0
    for down, right in product(range(-3, 4), repeat=2):
        a, b = overlap(details[0], down, right), overlap(details[1], -down, -right)
        found = float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
        if found > best + 1e-9:
            both = overlap(means[0], down, right).ravel(), overlap(means[1], -down, -right).ravel()
            best, shades = found, float(np.corrcoef(*both)[0, 1])
    return best if shades >= 0.92 else -1.0


def test_likeness_is_that_of_the_plain_account() -> None:
    """For parts of four pictures, some further apart than a camera moves between two frames."""
    whole = soft(4, 18)
    places = [(3, 3), (4, 2), (6, 0), (0, 3), (3, 6)]
    views = np.concatenate([whole[:, top : top + 12, left : left + 12] for top, left in places])
    pairs = [pair for pair in combinations(range(20), 2) if pair[0] % 4 == pair[1] % 4 or pair[0] < 2]
    one, other = (np.array(rows) for rows in zip(*pairs, strict=True))
    found = Scenes(views).likeness(one, other)
    assert found == pytest.approx([alike(views[a], views[b]) for a, b in pairs])
    assert (found > 0.5).sum() > 10 and (found == -1).sum() > 10


def test_a_picture_of_one_shade_is_like_no_other() -> None:
    flat = np.stack([np.full((8, 8), shade, np.uint8) for shade in (0, 90, 90)])
    scenes = Scenes(np.concatenate([flat, different(1)]))
    assert scenes.likeness(np.array([0, 1, 2]), np.array([1, 2, 3])).tolist() == [-1, -1, -1]
    assert scenes.joined(np.arange(4), 0.5).tolist() == [0, 1, 2, 3]


def test_no_pairs_have_no_likeness() -> None:
    assert Scenes(different(2)).likeness(np.zeros(0, np.int64), np.zeros(0, np.int64)).shape == (0,)


def test_thousands_of_pairs_are_each_compared() -> None:
    pictures = different(60)
    one, other = np.divmod(np.arange(3600), 60)
    found = Scenes(pictures).likeness(one, other)
    assert (np.flatnonzero(found > 0.99) == np.arange(60) * 61).all()  # each with itself


def noisy(views: NDArray[Any], noise: int) -> Grey:
    added = np.random.default_rng(noise).integers(0, noise, views.shape)
    return np.asarray(np.clip(views + added, 0, 255), np.uint8)


def plain(count: int, detail: int = 40) -> Grey:
    """Photos of different things before one background: likely pairs, of which none is alike."""
    background = np.linspace(0, 190, 64).reshape(1, 8, 8)
    return noisy(background.repeat(count, axis=0), detail)


def test_photos_are_joined_by_pairs_that_are_alike() -> None:
    views = np.concatenate([plain(5), plain(5, 120), soft(2, 18)[:, 4:12, 4:12]])
    views = np.concatenate([views, noisy(views[::2], 9)])
    centred = views.reshape(len(views), -1) - views.mean(axis=(1, 2))[:, None]
    likely = np.corrcoef(centred) >= 0.75
    expected = list(range(len(views)))
    for one, other in combinations(range(len(views)), 2):
        if likely[one, other] and expected[one] != expected[other] and alike(views[one], views[other]) >= 0.6:
            expected = [expected[one] if number == expected[other] else number for number in expected]
    assert Scenes(views).joined(np.arange(len(views)), 0.6).tolist() == expected
    assert 6 < len(set(expected)) < len(views) - 4


def test_groups_are_joined_whole() -> None:
    views = different(4)
    views[3] = views[0]
    before = np.array([7, 7, 5, 5])
    assert Scenes(views).joined(before, 0.9).tolist() == [7, 7, 7, 7]
    assert before.tolist() == [7, 7, 5, 5]


@pytest.mark.parametrize("apart", [1, 300, 511, 512, 599])
def test_photos_are_compared_with_all_later_ones(apart: int) -> None:
    views = different(600)
    firsts = np.arange(0, 600 - apart, 40)
    views[firsts + apart] = views[firsts]
    expected = np.arange(600)
    expected[firsts + apart] = firsts
    assert (Scenes(views).joined(np.arange(600), 0.9) == expected).all()


@pytest.mark.parametrize(("count", "found"), [(85, True), (95, False)])
def test_a_class_of_one_plain_background_is_not_compared_whole(count: int, found: bool) -> None:
    """Of some four thousand pairs no more are compared; the last pair is that of the two copies."""
    views = plain(count)
    views[-1] = views[-2]
    assert len(np.unique(Scenes(views).joined(np.arange(count), 0.95))) == count - found


def test_a_pair_at_the_bound_is_alike() -> None:
    views = np.concatenate([plain(1), noisy(plain(1), 30)])
    scenes, both = Scenes(views), np.arange(2)
    (least,) = scenes.likeness(both[:1], both[1:])
    assert 0.5 < least < 1
    for bound, joined in ((least, True), (np.nextafter(least, 2), False)):
        assert (scenes.share_alike(both, bound) == 1) is joined
        assert (len(np.unique(scenes.joined(both, bound))) == 1) is joined


@pytest.mark.parametrize(
    ("kinds", "share"),
    [
        ([0], 1.0),
        ([0, 0], 1.0),
        ([0, 1], 0.0),
        ([0, 0, 1, 1], 1 / 3),
        ([0, 1] * 125, 0.5),  # each with the two before it
        ([0, 1] * 150, 0.0),  # each with the one before it
        ([0] * 500 + [1, 2] * 49 + [1, 0], 1.0),  # the first 500 with the one before them
        ([0] * 499 + [1, 2] * 50 + [0], 499 / 500),
    ],
)
def test_the_share_of_some_pairs(kinds: list[int], share: float) -> None:
    scenes = Scenes(different(3)[kinds])
    assert scenes.share_alike(np.arange(len(kinds)), 0.9) == pytest.approx(share)


@pytest.mark.parametrize(
    ("kinds", "alike"),
    [
        ([0], 0.0),
        ([0, 0], 1.0),
        ([0, 1], 0.0),
        ([0, 0, 0, 0, 1, 1, 1, 1], 1.0),  # two of eight neighbours are not alike
        ([0, 0, 0, 1, 1, 1, 2], 0.0),  # three of seven
        ([0, 0, 1, 1, 2, 2, 0, 0], 0.0),  # three of eight
    ],
)
def test_a_quarter_of_the_pairs_is_less_alike_than_is_typical(kinds: list[int], alike: float) -> None:
    assert Scenes(different(3)[kinds]).typical(np.arange(len(kinds))) == pytest.approx(alike)
