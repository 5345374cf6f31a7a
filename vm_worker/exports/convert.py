"""The child process that converts. It is separate, as TensorFlow's converters can crash or fill the memory.

    python -m vm_worker.exports.convert REQUEST.json

The file REQUEST.json holds a `ConversionRequest`. The child reads lines {"format", "path"}. When a file has ended, the
child answers with a line {"note"}: the reason of the failure, or an empty text when the file exists.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.exports import tflite_metadata
from vm_worker.exports.tflite_metadata import ModelFacts
from vm_worker.learn import free_memory
from vm_worker.processes.child import give_way

OOM_SCORE = 1000  # when memory runs out, the kernel ends this process first
OPSET = 18  # version of the ONNX operators, which tools of the last three years can read


@dataclass(frozen=True)
class ConversionRequest(AsJson):
    """The order that the child reads when it starts."""

    model: Path  # model.h5
    images: Path  # .npy (n, s, s, 3) uint8
    rows: tuple[int, ...]  # the training images on which the value ranges of an integer model are measured
    facts: ModelFacts  # what TFLite files tell of the model


def main() -> None:
    """Make each format that the parent asks for."""
    request = ConversionRequest.from_json(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    give_way(OOM_SCORE)
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told:
        os.dup2(2, 1)  # messages that libraries print go to stderr, and do not mix with the answers
        sources: list[Source] = []
        for line in sys.stdin:
            print(json.dumps({"note": _converted(request, sources, **json.loads(line))}), file=told, flush=True)
    os._exit(0)  # skip the ordinary exit, in which TensorFlow takes two seconds


def _converted(request: ConversionRequest, sources: list[Source], format: str, path: str) -> str:
    """Convert to one format; return the reason of a failure, or an empty text."""
    try:
        if not sources:
            sources.append(Source(request))
        MAKERS[format](sources[0], Path(path))
        return ""
    except Exception as error:  # any error of a converter is the result of that format
        return f"{type(error).__name__}: {error}"[:300]
    finally:
        free_memory.give_back()  # another process proves files at the same time


class Source:
    """The finished model, read once for all formats."""

    def __init__(self, request: ConversionRequest) -> None:
        import keras
        import tensorflow as tf

        tf.config.set_visible_devices([], "GPU")  # no converter needs a GPU; the process that proves files may
        self.model = keras.models.load_model(request.model, compile=False)
        self._request = request
        self._graph: Any = None

    def converter(self) -> Any:
        """Return a new TFLite converter. The graph is traced and frozen once."""
        from vm_worker.learn.latency import tflite

        if self._graph is None:
            self._graph = tflite.traced(self.model)
        return tflite.converter(self._graph)

    def written(self, network: bytes, path: Path) -> None:
        """Write a TFLite file, with metadata."""
        facts = self._request.facts
        classifies = self.model.output_shape == (None, len(facts.labels))
        path.write_bytes(tflite_metadata.added(network, facts if classifies else replace(facts, labels=())))

    def photos(self) -> Iterator[list[Any]]:
        """Yield the training images on which value ranges are measured: [(1, s, s, 3)] float32 in 0..255."""
        images = np.load(self._request.images, mmap_mode="r")
        for row in self._request.rows:
            yield [images[row][None].astype(np.float32)]


def _tflite(source: Source, path: Path) -> None:
    source.written(source.converter().convert(), path)


def _float16(source: Source, path: Path) -> None:
    import tensorflow as tf

    converter = source.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    source.written(converter.convert(), path)


def _int8(source: Source, path: Path) -> None:
    """Write a TFLite file with weights and activations in 8 bits; input and output stay float32."""
    import tensorflow as tf

    converter = source.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = source.photos
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    source.written(converter.convert(), path)


def _onnx(source: Source, path: Path) -> None:
    size = source.model.input_shape[1:]
    source.model(np.zeros((1, *size), np.float32))  # Keras exports no model that it has never called
    source.model.export(str(path), format="onnx", verbose=False, opset_version=OPSET)


def _savedmodel(source: Source, path: Path) -> None:
    """Write a zip with a SavedModel that has the signatures `serve` and `serving_default`, as `model.export` gives.

    `model.export` itself takes three times as long, and its files hold the weights twice.
    """
    import tensorflow as tf

    model, module = source.model, tf.Module()
    # The variables that are saved, under TensorFlow's own names.
    module.weights = [variable.value for variable in model.variables]
    photos = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image")
    module.serve = tf.function(lambda image: model(image, training=False), input_signature=[photos])
    folder = path.with_suffix("")  # the files get their own folder inside the zip, so that unpacking gives one folder
    signatures = {"serve": module.serve, "serving_default": module.serve}
    tf.saved_model.save(module, str(folder / "model"), signatures)
    shutil.make_archive(str(folder), "zip", folder, "model")
    shutil.rmtree(folder)


MAKERS: Mapping[str, Callable[[Source, Path], None]] = {
    "tflite": _tflite,
    "tflite_float16": _float16,
    "tflite_int8": _int8,
    "onnx": _onnx,
    "savedmodel": _savedmodel,
}


if __name__ == "__main__":
    main()
