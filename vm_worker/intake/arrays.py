"""Names of the array types that many modules of intake share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]  # (n,) positions of photos, or their labels or groups
Flags = NDArray[np.bool_]  # (n,)
Pixels = NDArray[np.uint8]  # RGB or grey, 0..255
