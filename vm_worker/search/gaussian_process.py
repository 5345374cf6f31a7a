"""Gaussian processes over points of a space of choices, which foretell the error of each from those of others.

Two points are alike by the share of places with the same value, and by how few places differ: the Hamming kernel of
SMAC (Hutter, Hoos, Leyton-Brown, LION 2011, section 4.1). From a few errors nobody can tell which kernel and noise are
right, so all that may be right foretell, each by its marginal likelihood (Rasmussen and Williams, 2006, chapter 5),
with the scale of the errors at its best value: with one kernel alone the search is too sure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
LEAST = 1e-9  # variance, and deviation of errors that are all alike
JITTER = 1e-6  # added to eigenvalues, which rounding may leave below 0
UNLIKELY = 0.05  # of the greatest likelihood: what is below foretells nothing


@dataclass(frozen=True)
class Kernel:
    """How alike points are that differ at d of P places: additive * (1 - d/P) + (1 - additive) * exp(-d/length)."""

    additive: float
    length: float

    def __call__(self, differing: Floats, places: int) -> Floats:
        """Return how alike points are: 1 where none of the places differs."""
        return self.additive * (1 - differing / places) + (1 - self.additive) * np.exp(-differing / self.length)


KERNELS = (Kernel(0.0, 1.5), Kernel(0.0, 4.0), Kernel(0.5, 1.5), Kernel(0.5, 4.0), Kernel(0.9, 2.0))
NOISES = (0.01, 0.1, 0.3, 1.0, 2.0)  # variance of judging over that of the points
Assumption = tuple[Kernel, float]  # a kernel and a noise
ALL = frozenset((kernel, noise) for kernel in KERNELS for noise in NOISES)


@dataclass(frozen=True)
class _Process:
    """A process with one kernel and one noise, as eigenvalues and -vectors of its n points."""

    assumption: Assumption
    vectors: Floats  # (n, n)
    turned: Floats  # (n,) errors along the vectors
    spread: Floats  # (n,) eigenvalues and noise
    variance: float
    likelihood: float  # its logarithm

    def foretold(self, turned: Floats) -> tuple[Floats, Floats]:
        """Return mean and deviation (m,) of points that are so alike (n, m) along the vectors."""
        left = np.maximum(1 - (turned**2 / self.spread[:, None]).sum(0), LEAST)
        return turned.T @ (self.turned / self.spread), np.sqrt(self.variance * left)


@dataclass(frozen=True)
class Forecast:
    """Mean and standard deviation (m,) of errors, without the noise of judging, by one of the processes."""

    weight: float
    mean: Floats
    deviation: Floats


class Processes:
    """Processes that were fitted to the errors (n,) of rows (n, P) of choices; `sizes` are the values of each place."""

    def __init__(
        self, sizes: Sequence[int], rows: Rows, errors: Floats, assumptions: Collection[Assumption] = ALL
    ) -> None:
        """Fit a process by each assumption, and keep the likely ones."""
        self._offsets, self._width, self._places = np.cumsum([0, *sizes[:-1]]), sum(sizes), len(sizes)
        self._chosen = self._encoded(rows)
        self._middle, self._scale = float(errors.mean()), max(float(errors.std()), LEAST)
        fitted = list(self._fitted((errors - self._middle) / self._scale, assumptions))
        best = max(one.likelihood for one in fitted)
        self._kept = [one for one in fitted if one.likelihood >= best + math.log(UNLIKELY)]
        weights = np.exp([one.likelihood - best for one in self._kept])
        self._weights = weights / weights.sum()

    @property
    def assumptions(self) -> frozenset[Assumption]:
        """The kernels and noises that are likely."""
        return frozenset(one.assumption for one in self._kept)

    def _fitted(self, errors: Floats, assumptions: Collection[Assumption]) -> list[_Process]:
        found = []
        for kernel in (one for one in KERNELS if any(one == kernel for kernel, _ in assumptions)):
            values, vectors = np.linalg.eigh(self._alike(kernel, self._chosen))
            turned = vectors.T @ errors
            for noise in (one for one in NOISES if (kernel, one) in assumptions):
                spread = np.maximum(values, 0) + JITTER + noise
                variance = max(float((turned**2 / spread).mean()), LEAST)
                likelihood = -0.5 * (len(errors) * math.log(variance) + float(np.log(spread).sum()))
                found.append(_Process((kernel, noise), vectors, turned, spread, variance, likelihood))
        return found

    def _encoded(self, rows: Rows) -> Floats:
        """Return (n, sum of sizes): 1 for each value that is chosen, else 0."""
        chosen = np.zeros((len(rows), self._width))
        chosen[np.arange(len(rows))[:, None], rows + self._offsets] = 1
        return chosen

    def _alike(self, kernel: Kernel, chosen: Floats) -> Floats:
        return kernel(self._places - self._chosen @ chosen.T, self._places)

    def forecasts(self, rows: Rows) -> list[Forecast]:
        """Return what each process foretells of rows (m, P)."""
        chosen, turned, found = self._encoded(rows), dict[Kernel, Floats](), []
        for weight, one in zip(self._weights, self._kept, strict=True):
            kernel = one.assumption[0]
            if kernel not in turned:
                turned[kernel] = one.vectors.T @ self._alike(kernel, chosen)
            mean, deviation = one.foretold(turned[kernel])
            found.append(Forecast(float(weight), self._middle + self._scale * mean, self._scale * deviation))
        return found

    def expected(self, rows: Rows) -> Floats:
        """Return the errors (m,) that are expected of rows (m, P)."""
        means = [one.weight * one.mean for one in self.forecasts(rows)]
        return np.asarray(np.sum(means, axis=0), np.float64)
