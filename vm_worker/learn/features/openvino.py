"""Run frozen networks by OpenVINO: faster than Keras on CPUs, most of all on those with bfloat16 units.

OpenVINO is an optional package (the extra `fast`), imported only when it is used. The runtime reads the network from
a frozen graph file: the package's own converter would report its use to its maker.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import shutil
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.arrays import Floats

log = logging.getLogger(__name__)

Run = Callable[[NDArray[Any]], Floats]  # (m, ...) uint8 or float32 -> (m, ...) float32

DEVICE = "CPU"
HINT = "INFERENCE_PRECISION_HINT"
EXACT_SHARE = 0.2  # of the convolutions, the first ones, that MIXED keeps in float32
KEEP = {"name": "precise", "version": "0"}  # the graph format's mark for layers that are not rounded to half precision


class Precision(StrEnum):
    """The format to which activations are rounded between layers, the fastest first."""

    BF16 = "bfloat16"
    MIXED = "bfloat16 behind the first layers"  # where most of the rounding error comes from
    F32 = "float32"


def available() -> bool:
    """Return whether OpenVINO is installed and Keras runs on TensorFlow, whose graphs it reads."""
    return importlib.util.find_spec("openvino") is not None and keras.backend.backend() == "tensorflow"


@functools.cache
def precisions() -> tuple[Precision, ...]:
    """Return the precisions that gain something on this processor, the fastest first."""
    known = "BF16" in _core().get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
    return tuple(Precision) if known and _multiplies_in_bfloat16() else (Precision.F32,)


def _multiplies_in_bfloat16() -> bool:
    """Return whether a small network runs in bfloat16.

    A processor may have the units and not be allowed to use them: by ONEDNN_MAX_CPU_ISA, or in a virtual machine.
    """
    import openvino
    from openvino import opset13 as operations

    image = operations.parameter([1, 16, 16, 16], np.float32)
    kernel = operations.constant(np.ones((16, 16, 3, 3), np.float32))
    maps = operations.convolution(image, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    try:
        network = _core().compile_model(openvino.Model([maps], [image]), DEVICE, {HINT: "bf16"})
        network(np.ones((1, 16, 16, 16), np.float32))
    except RuntimeError as error:
        log.warning("OpenVINO is used in float32: in bfloat16 it stopped: %s", str(error).strip().splitlines()[-1])
        return False
    return True


class Network:
    """A frozen network in OpenVINO's form, which can be compiled in any precision."""

    def __init__(self, model: keras.Model, folder: Path) -> None:
        """Convert the model with its weights as they are now; `folder` holds the graph's file for a moment."""
        path = Path(tempfile.mkdtemp(dir=folder)) / "network.pb"
        path.write_bytes(_frozen(model))
        self._folder = folder
        self._model = _core().read_model(path)
        shutil.rmtree(path.parent)
        self._shape = tuple(int(side) for side in model.input.shape[1:])
        self._out = tuple(int(side) for side in model.output.shape[1:])
        self._model.reshape({0: [1, *self._shape]})

    def compiled(self, precision: Precision) -> Compiled:
        """Compile the network in this precision."""
        model = _first_kept(self._model, self._folder) if precision is Precision.MIXED else self._model
        hint = "f32" if precision is Precision.F32 else "bf16"
        hints = {"PERFORMANCE_HINT": "THROUGHPUT", HINT: hint}
        return Compiled(_core().compile_model(model, DEVICE, hints), self._out)


class Compiled:
    """A compiled network: a function from a batch of any length to the network's output.

    Images are sent one by one, as many at a time as there are processor cores: the intermediate results of one image
    stay in the processor's caches, those of a batch do not.
    """

    def __init__(self, network: Any, shape: tuple[int, ...]) -> None:
        import openvino

        self._queue = openvino.AsyncInferQueue(network)
        self._shape = shape

    @property
    def streams(self) -> int:
        """The number of images that run at a time."""
        return len(self._queue)

    def __call__(self, batch: NDArray[Any]) -> Floats:
        """Run a batch: (m, s, s, 3) uint8 or float32 in 0..255 -> (m, ...) float32."""
        out = np.empty((len(batch), *self._shape), np.float32)

        def store(request: Any, row: int) -> None:
            out[row] = request.get_output_tensor(0).data[0]

        self._queue.set_callback(store)
        for row in range(len(batch)):
            self._queue.start_async({0: np.asarray(batch[row : row + 1], np.float32)}, row)
        self._queue.wait_all()
        return out


def _core() -> Any:
    import openvino

    return openvino.Core()


def _frozen(model: keras.Model) -> bytes:
    """Serialise the model's graph, with its weights as constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = [tf.TensorSpec((1, *model.input.shape[1:]), tf.float32)]
    function = tf.function(lambda batch: model(batch, training=False), input_signature=signature, autograph=False)
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    return bytes(frozen.graph.as_graph_def().SerializeToString())


def _first_kept(model: Any, folder: Path) -> Any:
    """Mark the network's first convolutions, and the layers between them, to be kept in float32."""
    import openvino

    # A folder of its own: the runtime keeps the files of earlier networks mapped.
    path = Path(tempfile.mkdtemp(dir=folder)) / "network.xml"
    openvino.serialize(model, path)
    tree = ElementTree.parse(path)  # noqa: S314 (written one line above)
    layers = [layer for layer in tree.iter("layer") if layer.get("type") not in ("Const", "Parameter")]
    convolutions = [index for index, layer in enumerate(layers) if "Convolution" in layer.get("type", "")]
    last = convolutions[int(len(convolutions) * EXACT_SHARE)] if convolutions else 0
    for layer in layers[:last]:
        facts = layer.find("rt_info")
        if facts is None:
            facts = ElementTree.Element("rt_info")
            layer.insert(1 if layer.find("data") is not None else 0, facts)
        ElementTree.SubElement(facts, "attribute", KEEP)
    tree.write(path)
    kept = _core().read_model(path)
    shutil.rmtree(path.parent)
    return kept
