"""Give up early what is worse than most were at the same age.

The median stopping rule of Golovin et al., Google Vizier, KDD 2017, section 3.2.1, with the trial's best
value so far against the median of the others' values at that epoch, as Optuna's MedianPruner has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RIVALS = 4  # so many completed trials must have got as far before any trial is judged by them
WARM_UP = 2  # epochs that every trial gets


def hopeless(rivals: Sequence[Sequence[float]], curve: Sequence[float]) -> bool:
    """The best error of this curve is above the median of the completed rivals' at the same epoch."""
    age = len(curve)
    seen = [rival[age - 1] for rival in rivals if len(rival) >= age]
    if age <= WARM_UP or len(seen) < RIVALS:
        return False
    return min(curve) > float(np.median(seen))
