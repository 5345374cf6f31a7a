"""Near copies: which pictures count as near copies, and the limits that keep plain pictures apart."""

from __future__ import annotations

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


def test_a_thumbnail_is_the_mean_of_each_cell() -> None:
    square = np.zeros((64, 64, 3), np.uint8)
    square[:2, :2] = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
    grey = near_duplicates.thumbnail(square)
    assert grey.shape == (32, 32) and grey.dtype == np.uint8
    assert grey[0, 0] == round(2 * 255 / 4) and grey[1:].max() == 0


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
    alike = np.bitwise_count(codes[:, None] ^ codes[None, :]) <= near_duplicates.HASH_BITS
    alike &= np.abs(grey[:, None].astype(int) - grey[None, :]).mean(axis=(2, 3)) <= near_duplicates.MEAN_DIFFERENCE
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
