"""Between which numbers the objects of a photo, or of many together, should lie, by the errors of earlier counts.

One photo: split conformal prediction (Lei et al., JASA 2018), with errors as shares of the square root of the count.
Photos where something is counted and photos where nothing is are told apart (Vovk, "Conditional validity of inductive
conformal predictors", 2012), so that many empty photos do not make a count look sure.

Many photos: the ratio estimator of double sampling, as it is used for counts from the air (Cochran, "Sampling
Techniques", 1977, chapter 6; Eberhardt and Simmons, J. Wildlife Management 51, 1987), with the variance of Royall's
model (Biometrika 57, 1970) between photographs, and Student's t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.as_json import AsJson

Numbers = NDArray[np.int64]

SHARE = 0.9  # of photos, or of such sums, whose number of objects is to lie in the interval
FEW = 10  # photos, below which no interval is given
FEW_BOXES = 20  # labelled objects, below which none is given of a class or of a sum
FEW_PHOTOGRAPHS = 3  # below which none is given of a sum: pictures of one photograph are counted alike
EXACT = 1e-3  # of an object
NORMAL = 1.6448536269514722  # the 95 % point of the normal distribution


@dataclass(frozen=True)
class Interval(AsJson):
    """The bounds of a number of objects, both included."""

    low: int
    high: int
    share: float  # of new photos whose number lies in their interval: 0.9, or less where few photos were counted


def of_photo(labelled: Numbers, counted: Numbers, count: int, alike: bool = False) -> Interval | None:
    """Return the bounds for a photo with this count, from photos with these numbers (n,); None where they are too few.

    With `alike`, all photos speak where too few are empty, or not empty, as this one is.
    """
    same = (counted > 0) == (count > 0)
    if alike and same.sum() < FEW:
        same = np.ones(len(counted), np.bool_)
    photos = int(same.sum())
    if photos < FEW:
        return None
    errors = np.sort((labelled - counted)[same] / np.sqrt(counted[same] + 1.0))
    beyond = math.floor((photos + 1) * (1 - SHARE) / 2 + EXACT)  # errors of each side, that lie outside
    place = max(1, beyond)
    scale = math.sqrt(count + 1)
    low = math.ceil(count + float(errors[place - 1]) * scale - EXACT)
    high = math.floor(count + float(errors[-place]) * scale + EXACT)
    share = 1 - 2 * place / (photos + 1)
    return Interval(max(0, min(low, count)), max(high, count), round(min(SHARE, share), 2))


def of_sum(labelled: Numbers, counted: Numbers, photographs: Numbers, counts: Numbers) -> Interval | None:
    """Return the bounds for the sum over photos with these counts (m,); None where too few photos tell of it.

    They come from photos with these numbers (n,), of which those of one photograph have one number in `photographs`.
    The count itself may lie outside: where most counts were too high, the bounds lie lower.
    """
    kinds, place = np.unique(photographs, return_inverse=True)
    if len(counted) < FEW or len(kinds) < FEW_PHOTOGRAPHS or labelled.sum() < FEW_BOXES:
        return None
    # A photo's size is its count and one, as objects may be missed where none is counted.
    sizes = np.bincount(place, counted + 1.0)
    errors = np.bincount(place, (labelled - counted).astype(np.float64))
    ratio = errors.sum() / sizes.sum()
    off = np.square(errors - ratio * sizes) / sizes
    # One object more is taken to be wrong: a few exact counts do not promise that all will be.
    variance = (off.sum() + len(kinds) / sizes.sum()) / (len(kinds) - 1)
    size = float((counts + 1.0).sum())
    middle = float(counts.sum()) + ratio * size
    half = student(len(kinds) - 1) * math.sqrt(variance * (size + size**2 / sizes.sum()))
    return Interval(max(0, math.floor(middle - half + EXACT)), max(0, math.ceil(middle + half - EXACT)), SHARE)


def student(degrees: int) -> float:
    """Return the 95 % point of Student's t with so many degrees of freedom, at least 2.

    Expanded around the normal distribution (Abramowitz and Stegun, 26.7.5); SciPy is not in a service's file.
    """
    if degrees == 2:
        return 0.9 * math.sqrt(2 / (1 - 0.9**2))
    z, n = NORMAL, degrees
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )
