"""The child that measures networks of the catalogue as TFLite models, before any of them is trained.

    python -m vm_worker.learn.bare FOLDER KEY...

What a network's weights are does not matter to its size and speed. Each one is remembered as soon as it is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vm_worker.learn import latency, networks, tflite


def main() -> None:
    """Convert and measure each network named; FOLDER is for the files, which are removed again."""
    folder, keys = Path(sys.argv[1]), sys.argv[2:]
    memory = latency.Memory()
    for key in keys:
        path = folder / f"bare-{key}.tflite"
        path.write_bytes(tflite.float32(networks.extractor(key, None)))
        memory.put(key, latency.measure([path])[path])
        path.unlink()


if __name__ == "__main__":
    main()
