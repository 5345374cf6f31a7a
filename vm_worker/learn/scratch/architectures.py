"""The table of Apeinans and Zukovs (2020) for any dataset: four networks at four widths, trained from nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from vm_worker.learn.scratch.training import Examples, TimeAllowed, TrainingSet

MEASURE_SECONDS = 4.0  # for the runs of one file
TRAINING = 0.8  # of the time; making and measuring the files takes the rest
FORMS: dict[str, Callable[[Any], bytes]] = {"float32": tflite.float32, "dynamic_range": tflite.dynamic_range}

Row = dict[str, Any]


def table(dataset: LabelledPhotos, folder: Path, budget: Budget) -> Iterator[Row]:
    """A row for each network and width, the narrowest first, each as long as its share of the time allows.

    name, title, width, parameters, validation_accuracy, test_accuracy, test_interval, epochs, note, and for each form
    of TFLite its accuracy on the test photos, bytes, one_ms and all_ms (medians). The photos are 64 pixels wide. A
    network for which the time does not suffice has None and no forms, and the note says so: what has hardly been
    trained tells nothing of it.
    """
    plan = [(key, width) for width in reversed(small.WIDTHS) for key in small.NETWORKS]
    lesson, judged = TrainingSet(examples(dataset, Part.TRAIN)), examples(dataset, Part.VALIDATION)
    for number, (key, width) in enumerate(plan):
        keras.utils.set_random_seed(0)
        model = small.NETWORKS[key](small.Shape(len(dataset.truth.classes), width))
        row = _row(key, width, model)
        # Training gets what measuring leaves. One that needs more than its share takes it from the wider ones.
        allowed = TimeAllowed(budget.share(TRAINING / (len(plan) - number)), budget.share(TRAINING))
        try:
            learnt = training.train(model, lesson, judged, allowed)
        except training.TrainingTooSlow as slow:
            yield row | {"note": f"left out: {slow}, and {max(0.0, slow.left):.0f} s are left"}
            continue
        yield row | _figures(learnt, model, dataset) | _forms(model, dataset, folder)


def examples(dataset: LabelledPhotos, part: Part) -> Examples:
    """The photos of one part."""
    rows = dataset.rows(part)
    return Examples(dataset.pixels(small.SIZE)[rows], dataset.truth.labels[rows])


def _row(key: str, width: float, model: keras.Model) -> Row:
    nothing = dict.fromkeys(("validation_accuracy", "test_accuracy", "test_interval", "epochs"))
    known = {"name": key, "title": small.TITLES[key], "width": width, "parameters": int(model.count_params())}
    return {**known, **nothing, "note": ""}


def _figures(learnt: training.Trained, model: keras.Model, dataset: LabelledPhotos) -> Row:
    test = examples(dataset, Part.TEST)
    right = int((training.probabilities(model, test).argmax(1) == test.labels).sum())
    low, high = statistics.wilson(right, len(test.labels))
    return {
        "validation_accuracy": round(learnt.accuracy, 5),
        "test_accuracy": round(right / len(test.labels), 5),
        "test_interval": [round(low, 5), round(high, 5)],
        "epochs": learnt.epochs,
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
    given, said = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]
    right = 0
    for image, label in zip(test.images, test.labels, strict=True):
        network.set_tensor(given, image[None].astype(np.float32))
        network.invoke()
        right += int(network.get_tensor(said)[0].argmax() == label)
    return round(right / len(test.labels), 5)
