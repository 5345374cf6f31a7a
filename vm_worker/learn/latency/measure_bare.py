"""The child that measures networks of the catalogue as TFLite models, before any of them is trained.

    python -m vm_worker.learn.latency.measure_bare FOLDER KEY...

What a network's weights are does not matter to its size and speed. Each one is remembered as soon as it is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vm_worker.learn.latency import measurement, tflite
from vm_worker.learn.networks import build


def main() -> None:
    """Convert and measure each network named; FOLDER is for the files, which are removed again."""
    folder, keys = Path(sys.argv[1]), sys.argv[2:]
    memory = measurement.Memory()
    for key in keys:
        path = folder / f"bare-{key}.tflite"
        path.write_bytes(tflite.float32(build.extractor(key, None)))
        memory.put(key, measurement.measure([path])[path])
        path.unlink()


if __name__ == "__main__":
    main()
