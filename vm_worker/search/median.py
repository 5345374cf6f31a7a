"""The median pruning rule: give up a trial that is worse than most others were at the same epoch.

It is the median stopping rule of Golovin et al. (Google Vizier, KDD 2017, section 3.2.1). As in Optuna's MedianPruner,
the trial's best error so far is compared with the median of the others' errors at that epoch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RIVALS = 4  # completed trials that must have reached an epoch before a trial is compared with them there
WARM_UP = 2  # epochs that every trial is given


def hopeless(rivals: Sequence[Sequence[float]], curve: Sequence[float]) -> bool:
    """Return whether the best error of a trial is above the median of its rivals' errors at the same epoch.

    `rivals` are the errors after each epoch of the completed trials, `curve` those of the running trial so far.
    """
    age = len(curve)
    seen = [rival[age - 1] for rival in rivals if len(rival) >= age]
    if age <= WARM_UP or len(seen) < RIVALS:
        return False
    return min(curve) > float(np.median(seen))
