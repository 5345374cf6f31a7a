"""Names of the array types that many modules of learning share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Rows as Rows

Floats = NDArray[np.float32]  # pixels, features, activations or probabilities
Halves = NDArray[np.float16]  # features on the disk
Flags = NDArray[np.bool_]  # one answer a photo, such as whether a model was right
