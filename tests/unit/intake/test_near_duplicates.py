"""Near copies: which pictures count as near copies, and the limits that keep plain pictures apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from vm_worker.intake import near_duplicates
from vm_worker.intake.groups import Groups, PhotoDigests, group

Grey = NDArray[np.uint8]


def pictures(count: int, seed: int = 0) -> Grey:
    """Return different pictures of 8 x 8 random cells."""
    cells = np.random.default_rng(seed).integers(0, 240, (count, 8, 8)).astype(np.uint8)
    return cells.repeat(4, axis=1).repeat(4, axis=2)


def noisy(grey: Grey, seed: int = 1) -> Grey:
    """Return near copies: the pictures with a little noise."""
    noise = np.random.default_rng(seed).integers(0, 7, grey.shape)
    return (grey + noise).astype(np.uint8)


def before_a_wall(count: int) -> Grey:
    """Return photos of one plain background, which share its light and none of their details."""
    light = 60 + gaussian_filter(pictures(1, 9)[0] / 2, 2)
    return np.asarray(light + np.random.default_rng(1).integers(-6, 7, (count, 32, 32)), np.uint8)


def digests(classes: Sequence[Grey]) -> list[PhotoDigests]:
    return [
        PhotoDigests(label, f"{label} {row}", f"{label} {row}", picture.tobytes())
        for label, grey in enumerate(classes)
        for row, picture in enumerate(grey)
    ]


def sizes(groups: Groups) -> list[int]:
    return sorted(np.bincount(groups.numbers).tolist())


@pytest.mark.parametrize("side", [32, 64, 96])
def test_a_thumbnail_is_the_rounded_mean_of_each_cell(side: int) -> None:
    square = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    square[:2, :2] = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
    luma = square @ np.array([299, 587, 114])  # thousandths, by ITU-R BT.601
    cell = side // 32
    sums = np.add.reduceat(np.add.reduceat(luma, range(0, side, cell), axis=0), range(0, side, cell), axis=1)
    grey = near_duplicates.thumbnail(square)
    assert grey.dtype == np.uint8 and (grey == np.floor(sums / (1000 * cell**2) + 0.5)).all()


def test_the_hash_is_the_same_on_every_machine() -> None:
    """Files of earlier models keep it, so that it must stay as it is, to the last bit."""
    grey = np.random.default_rng(1).integers(0, 256, (2000, 32, 32)).astype(np.uint8)
    grey[:300] = grey[:300, :, :1]  # most coefficients are nothing
    grey[300:400] = grey[300:400, :1, :1]
    wave = [[round(2**14 * math.cos(math.pi * row * (2 * place + 1) / 64)) for place in range(32)] for row in range(8)]
    low = np.einsum("kx,nxy,ly->nkl", wave, grey.astype(np.int64), wave, optimize=True).reshape(-1, 64)
    bits = low > np.median(low, axis=1, keepdims=True)
    assert (near_duplicates.hashes(grey) == np.packbits(bits, axis=1).view(np.uint64).ravel()).all()


def test_the_hash_is_the_usual_one() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (50, 32, 32)).astype(np.uint8)
    low = dctn(grey.astype(float), axes=(1, 2))[:, :8, :8].reshape(50, 64)
    bits = low > np.median(low, axis=1, keepdims=True)
    differing = np.bitwise_count(np.packbits(bits, axis=1).view(np.uint64).ravel() ^ near_duplicates.hashes(grey))
    assert differing.max() <= 2  # our matrix is rounded
    assert differing.mean() < 0.1


def test_a_flat_picture_has_no_random_bits() -> None:
    flat = np.stack([np.full((32, 32), value, np.uint8) for value in range(0, 256, 5)])
    assert len(set(near_duplicates.hashes(flat)[1:].tolist())) == 1


def test_communities_are_those_of_all_pairs() -> None:
    ramps = np.linspace(0, 90, 32)[None, None, :] + np.arange(0, 60, 1.4)[:, None, None] + np.zeros((1, 32, 1))
    plain = noisy(ramps.astype(np.uint8))
    grey = np.concatenate([pictures(60), noisy(pictures(60)), plain])
    codes = near_duplicates.hashes(grey)
    alike = np.bitwise_count(codes[:, None] ^ codes[None, :]) <= 4
    alike &= np.abs(grey[:, None].astype(int) - grey[None, :]).mean(axis=(2, 3)) <= 6
    expected = np.arange(len(grey))
    for _ in range(len(grey)):
        least = np.where(alike, expected[None, :], len(grey)).min(axis=1)
        if (least == expected).all():
            break
        expected = least
    assert (near_duplicates.communities(grey) == expected).all()
    assert len(np.unique(expected[:120])) < 64
    shuffled = np.random.default_rng(2).permutation(len(grey))
    found = near_duplicates.communities(grey[shuffled])
    assert ((found[:, None] == found[None, :]) == (expected[shuffled][:, None] == expected[shuffled][None, :])).all()


def test_brightness_alone_parts_pictures_of_one_layout() -> None:
    grey = pictures(1)
    both = np.concatenate([grey, grey + np.uint8(7), grey + np.uint8(5)])
    assert len(set(near_duplicates.hashes(both).tolist())) == 1
    assert near_duplicates.communities(both[:2]).tolist() == [0, 1]
    assert near_duplicates.communities(both).tolist() == [0, 0, 0]  # the third one is near to both


@pytest.mark.parametrize(("bits", "groups"), [(4, [0, 0]), (5, [0, 1])])
def test_four_bits_of_the_hash_may_differ(bits: int, groups: list[int]) -> None:
    """Waves from top to bottom: one bit stands for the sign of each, and all others are those of nothing."""
    waves = np.cos(np.pi * np.outer(np.arange(1, 8), 2 * np.arange(32) + 1) / 64)
    signs = np.array([[1, 1, 1, 1, 1, 1, 1], [-1] * bits + [1] * (7 - bits)])
    grey = np.asarray(np.rint(100 + 1.5 * signs @ waves)[:, :, None].repeat(32, axis=2), np.uint8)
    assert np.bitwise_count(np.bitwise_xor(*near_duplicates.hashes(grey))) == bits
    assert near_duplicates.communities(grey).tolist() == groups


def test_six_steps_of_grey_may_differ() -> None:
    grey = pictures(1)
    six, more = grey + np.uint8(6), grey + np.uint8(6)
    more[0, 0, 0] += 1  # a little more than six on the average
    assert len(set(near_duplicates.hashes(np.concatenate([grey, six, more])).tolist())) == 1
    assert near_duplicates.communities(np.concatenate([grey, six])).tolist() == [0, 0]
    assert near_duplicates.communities(np.concatenate([grey, more])).tolist() == [0, 1]


def test_coarse_pictures_are_means_of_sixteen_pixels_rounded_down() -> None:
    grey = np.random.default_rng(2).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    expected = [
        [[one[y : y + 4, x : x + 4].sum() // 16 for x in range(0, 32, 4)] for y in range(0, 32, 4)] for one in grey
    ]
    assert near_duplicates.coarse(grey).tolist() == expected


@pytest.mark.parametrize(("count", "apart"), [(95, 1), (270, 255), (270, 269)])
def test_all_pairs_of_photos_of_one_layout_are_compared(count: int, apart: int) -> None:
    """Thousands of pairs have equal hashes, as only the finest details differ; the last photo has a copy."""
    checks = np.indices((32, 32)).sum(axis=0) % 2 * 2 - 1
    strength = np.random.default_rng(3).choice((-24, 24), (count, 8, 8)).repeat(4, axis=1).repeat(4, axis=2)
    grey = np.asarray(pictures(1) // 2 + 60 + checks * strength, np.uint8)
    grey[-1] = grey[-1 - apart]
    assert len(set(near_duplicates.hashes(grey).tolist())) == 1
    expected = [*range(count - 1), count - 1 - apart]
    assert near_duplicates.communities(grey).tolist() == expected


def test_near_copies_count_within_a_class_only() -> None:
    one, other = pictures(20), noisy(pictures(20))
    assert sizes(group(digests([np.concatenate([one, other]), pictures(20, 5)]))) == [1] * 20 + [2] * 20
    assert sizes(group(digests([one, other]))) == [1] * 40


def test_a_photo_without_a_thumbnail_has_exact_copies_only() -> None:
    photos = [PhotoDigests(0, str(row), str(row)) for row in range(20)]
    assert sizes(group(photos)) == [1] * 20


@pytest.mark.parametrize(
    ("alike", "others", "largest"),
    [
        (10, 100, 10),  # a group of ten is believed
        (11, 100, 1),  # one of eleven is a plain background
        (20, 380, 20),  # unless the class is large
        (21, 379, 1),
        (8, 2, 1),  # two single photos leave nothing to learn from but the test
        (8, 3, 8),
    ],
)
def test_photos_with_a_plain_background_are_not_grouped(alike: int, others: int, largest: int) -> None:
    same = before_a_wall(alike)
    groups = group(digests([np.concatenate([same, pictures(others)]), pictures(30, 3)]))
    assert max(sizes(groups)) == largest
    assert groups.plain == ({} if largest > 1 or alike < 11 else {0: alike})
    assert groups.undivided == ({0: alike} if largest == 1 and alike < 11 else {})


def test_exact_copies_stay_together_in_a_plain_class() -> None:
    same = before_a_wall(12)
    photos = digests([np.concatenate([same, pictures(30)])])
    photos.append(photos[0])
    groups = group(photos)
    assert sizes(groups) == [1] * 41 + [2]
    assert groups.plain == {0: 13}
    duplicates = groups.duplicates(["wall"])
    assert (duplicates.photos, duplicates.exact_groups, duplicates.near_groups, duplicates.plain) == (
        1,
        1,
        0,
        (("wall", 13),),
    )


def test_many_exact_copies_are_no_plain_background() -> None:
    grey = pictures(30)
    photos = digests([np.concatenate([grey, noisy(grey[:1])])]) + digests([grey[:1]]) * 15
    groups = group(photos)
    assert max(sizes(groups)) == 17 and groups.plain == {}
    assert groups.duplicates(["a"]).near_groups == 1


def test_a_class_is_not_left_without_groups_of_its_own() -> None:
    """Check a class of near copies of a picture that also lies in another class: all would stay in train."""
    grey = pictures(5)
    photos = digests([np.concatenate([grey, noisy(grey[:1])]), pictures(20, 4)])
    photos.append(PhotoDigests(1, photos[0].content, photos[0].pixels, photos[0].thumbnail))
    assert sizes(group(photos))[-2:] == [1, 3]  # the four others of the class can be split without them
    photos = digests([np.concatenate([grey[:2], *(noisy(grey[:1], seed) for seed in range(1, 7))]), pictures(20, 4)])
    photos.append(PhotoDigests(1, photos[0].content, photos[0].pixels, photos[0].thumbnail))
    found = group(photos)
    assert found.undivided == {0: 7} and sizes(found)[-1] == 2
