"""Names of the array types that many modules share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]  # positions of photos, or their labels or groups
Floats = NDArray[np.float32]
