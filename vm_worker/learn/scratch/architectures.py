"""The table of Apeinans and Zukovs (2020) for any dataset: four networks at four widths, trained from scratch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from vm_worker.intake.dataset import Part
from vm_worker.learn import statistics
from vm_worker.learn.budget import Budget
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.latency import measurement, tflite
from vm_worker.learn.networks import small
from vm_worker.learn.scratch import training
from vm_worker.learn.scratch.training import Examples, TimeAllowed, TrainingPolicy, TrainingSet

MEASURE_SECONDS = 4.0  # for the runs of one file
TRAINING = 0.8  # of the time; the rest is for writing and measuring the files
FORMS: dict[str, Callable[[Any], bytes]] = {"float32": tflite.float32, "dynamic_range": tflite.dynamic_range}

Row = dict[str, Any]


@dataclass(frozen=True)
class TablePolicy:
    """The networks of the table, and the lengths of their trainings."""

    networks: tuple[str, ...] = tuple(small.NETWORKS)
    widths: tuple[float, ...] = tuple(reversed(small.WIDTHS))  # in the order of training
    training: TrainingPolicy = training.POLICY


POLICY = TablePolicy()


def table(dataset: LabelledPhotos, folder: Path, budget: Budget, policy: TablePolicy = POLICY) -> Iterator[Row]:
    """Train each network at each width, the narrowest first, and yield its row.

    A row has name, title, width, parameters, validation_accuracy, test_accuracy, test_interval, epochs, note, and for
    each key of FORMS the accuracy of that TFLite file on the test photos, its bytes, and one_ms and all_ms, the median
    milliseconds for one photo on one core and on all. The photos are 64 pixels wide. Each network trains as long as
    its share of the time allows. Where the time does not suffice for a useful training, the figures are None, the
    forms are missing, and the note says so.
    """
    plan = [(key, width) for width in policy.widths for key in policy.networks]
    photos = TrainingSet(examples(dataset, Part.TRAIN), policy=policy.training)
    validation = examples(dataset, Part.VALIDATION)
    for number, (key, width) in enumerate(plan):
        keras.utils.set_random_seed(0)
        model = small.NETWORKS[key](small.Shape(len(dataset.truth.classes), width))
        row = _row(key, width, model)
        # A network that needs more than its share takes it from the wider networks after it.
        allowed = TimeAllowed(budget.share(TRAINING / (len(plan) - number)), budget.share(TRAINING))
        try:
            trained = training.train(model, photos, validation, allowed)
        except training.TrainingTooSlow as slow:
            yield row | {"note": f"left out: {slow}, and {max(0.0, slow.left):.0f} s are left"}
            continue
        yield row | _figures(trained, model, dataset) | _forms(model, dataset, folder)


def examples(dataset: LabelledPhotos, part: Part) -> Examples:
    """Return the photos of one part with their labels."""
    rows = dataset.rows(part)
    return Examples(dataset.pixels(small.SIZE)[rows], dataset.truth.labels[rows])


def _row(key: str, width: float, model: keras.Model) -> Row:
    unknown = dict.fromkeys(("validation_accuracy", "test_accuracy", "test_interval", "epochs"))
    known = {"name": key, "title": small.TITLES[key], "width": width, "parameters": int(model.count_params())}
    return {**known, **unknown, "note": ""}


def _figures(trained: training.TrainingResult, model: keras.Model, dataset: LabelledPhotos) -> Row:
    test = examples(dataset, Part.TEST)
    right = int((training.probabilities(model, test).argmax(1) == test.labels).sum())
    low, high = statistics.wilson(right, len(test.labels))
    return {
        "validation_accuracy": round(trained.accuracy, 5),
        "test_accuracy": round(right / len(test.labels), 5),
        "test_interval": [round(low, 5), round(high, 5)],
        "epochs": trained.epochs,
    }


def _forms(model: keras.Model, dataset: LabelledPhotos, folder: Path) -> Row:
    paths = {form: folder / f"{form}.tflite" for form in FORMS}
    for form, path in paths.items():
        path.write_bytes(FORMS[form](model))
    figures = measurement.measure(list(paths.values()), MEASURE_SECONDS)
    return {
        form: {
            "accuracy": _accuracy(path, examples(dataset, Part.TEST)),
            "bytes": figures[path].bytes,
            "one_ms": figures[path].one.median,
            "all_ms": figures[path].all.median,
        }
        for form, path in paths.items()
    }


def _accuracy(path: Path, test: Examples) -> float:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(str(path))
    network.allocate_tensors()
    given, output = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]
    right = 0
    for image, label in zip(test.images, test.labels, strict=True):
        network.set_tensor(given, image[None].astype(np.float32))
        network.invoke()
        right += int(network.get_tensor(output)[0].argmax() == label)
    return round(right / len(test.labels), 5)
