"""The process that measures networks of the catalogue as TFLite models without a head, at random weights.

    python -m vm_worker.learn.latency.measure_bare FOLDER KEY...

The weights change neither size nor speed. The figures of each network are stored as soon as it is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vm_worker.learn.latency import measurement, tflite
from vm_worker.learn.networks import build


def main() -> None:
    """Convert and measure each network named; the files are written to FOLDER and removed again."""
    folder, keys = Path(sys.argv[1]), sys.argv[2:]
    cache = measurement.LatencyCache()
    for key in keys:
        path = folder / f"bare-{key}.tflite"
        path.write_bytes(tflite.float32(build.extractor(key, None)))
        cache.put(key, measurement.measure([path])[path])
        path.unlink()


if __name__ == "__main__":
    main()
