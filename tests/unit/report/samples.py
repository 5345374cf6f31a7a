"""Facts as the stages leave them, for reports of any size, made up but consistent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jobs.options import Options
from tests.unit.report import courses
from vm_worker.evaluation import gallery
from vm_worker.evaluation.metrics import evaluate
from vm_worker.learn.statistics import wilson
from vm_worker.report_facts import Facts, JobFacts, Licence
from vm_worker.results.candidates import LearningCurve, Selected
from vm_worker.results.evaluated import (
    CalibrationFigures,
    Evaluated,
    HeldOutFigures,
    ModelFigures,
    PictureRow,
    UnsureFigures,
    UnsureRow,
)
from vm_worker.results.exported import Exported, ExportRow, FileRow
from vm_worker.results.intake import TakenIn
from vm_worker.tasks.classification.sections import ClassSections

WASTE = ("cardboard", "glass", "metal", "paper", "plastic", "trash")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "$$",
    "$\\foo$ \\frac{",
    "pho\u202egpj.exe",
    "line\nbreak\r\nBcc: victim@example.org",
    "=cmd|' /C calc'!A0",
    "click http://evil.example/win www.evil.example",
    "half \udc80 surrogate",
    "\x00\x07\x1b[31m control",
    "-->]]></style></title></table>",
    "x" * 200,
    "&amp;&lt;" * 30,
    "a\u0300\u0301\u0302\u0303" * 20,
    "   ",
)
CJK = ("纸板", "玻璃", "金属", "プラスチック", "종이", "垃圾桶里的其他东西")
WORLD = ("تفاحة", "яблоко", "🍎 apple", "สับปะรด", "Äpfel", "café")

CURVE = LearningCurve.from_json(
    {
        "points": [
            {"share": 0.25, "images": 180, "accuracy": 0.758, "error": 0.013},
            {"share": 0.5, "images": 360, "accuracy": 0.796, "error": 0.012},
            {"share": 1.0, "images": 720, "accuracy": 0.844, "error": 0.012},
        ],
        "verdict": "yes",
        "answer": "More photos would probably help: with 360 training photos the selected head was right on 79.6 %.",
    }
)

PICTURES = ("curves.png", "confusion.png", "reliability.png", "learning.png")
PHOTOS = (gallery.MISTAKES, gallery.PAIRS, gallery.LOOKED)


def many(number: int) -> tuple[str, ...]:
    """So many class names, as a bird guide has them."""
    birds = ("Warbler", "Sparrow", "Gull", "Tern", "Flycatcher", "Woodpecker", "Grebe", "Wren")
    return tuple(f"{index:03d}.{birds[index % len(birds)]} of the {index // 8} hills" for index in range(number))


def facts(
    classes: Sequence[str] = WASTE, photos: int = 54, right: float = 0.91, tuned: bool = True, seed: int = 7
) -> Facts:
    """A job with that many test photos a class, and about that share of them right."""
    rng = np.random.default_rng(seed)
    test = _test(rng, classes, photos, right)
    select = _select(rng, test.images, classes)
    return Facts(
        job=JobFacts("Qm3xT9aZ", "2026-03-03T13:55:02Z", "2026-03-03T14:05:41Z", Options(minutes=20, seed=7)),
        dataset=_dataset(classes, photos),
        select=select,
        tune=courses.tune(tuned),
        evaluate=evaluated(test, len(classes)),
        export=_export(),
        sections=ClassSections(),
        seconds={"intake": 21.4, "select": 243.0, "tune": 371.2, "evaluate": 14.9, "export": 31.0},
        versions={
            "modelmail": "0.1.0",
            "python": "3.11.2",
            "tensorflow": "2.20.0",
            "keras": "3.15.1",
            "numpy": "2.4.1",
            "pillow": "13.0.0",
        },
        licence=Licence("Apache-2.0", "EfficientNet-Lite0 by Google (Apache-2.0), with ImageNet weights."),
        size=224,
        quoted_seconds=700.0,
        model_days=30,
    )


def evaluated(test: HeldOutFigures, classes: int) -> Evaluated:
    """What the evaluation leaves, its photos drawn."""
    pictures: dict[str, tuple[PictureRow, ...]] = {
        "mistakes.jpg": test.mistakes[:12],
        "pairs.jpg": test.pairs[:4],
        "gradcam.jpg": test.mistakes[:3],
    }
    return Evaluated(
        test=test,
        model=_model(classes),
        calibration=_calibration(test),
        unsure=_unsure(test),
        pictures={name: rows for name, rows in pictures.items() if rows},
    )


def _unsure(test: HeldOutFigures) -> UnsureFigures:
    wrong = test.images - test.correct
    rows = []
    for threshold, answered, left in ((0.0, 1.0, 1.0), (0.72, 0.9, 0.4), (0.9, 0.6, 0.1)):
        count = round(test.images * answered)
        missed = round(wrong * left)
        interval = wilson(count - missed, count)
        rows.append(UnsureRow(threshold, answered, 1 - missed / count, interval, missed, test.images - count))
    return UnsureFigures.from_json(
        {**rows[1].to_json(), "photos": test.images, "rows": [row.to_json() for row in rows]}
    )


def _test(rng: np.random.Generator, classes: Sequence[str], photos: int, right: float) -> HeldOutFigures:
    number = len(classes)
    labels = np.repeat(np.arange(number), photos)
    wrong = rng.random(len(labels)) > right
    # Mistakes go mostly to the next class, as real ones have their favourites.
    other = (labels + np.where(rng.random(len(labels)) < 0.6, 1, rng.integers(1, number, len(labels)))) % number
    said = np.where(wrong, other, labels)
    probabilities = rng.random((len(labels), number)) * 0.2 / number
    probabilities[np.arange(len(labels)), said] = rng.uniform(0.5, 0.99, len(labels))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    names = [f"{classes[label]}/IMG_{4000 + row}.jpg" for row, label in enumerate(labels.tolist())]
    return evaluate(probabilities, labels, classes, names)


def _dataset(classes: Sequence[str], photos: int) -> TakenIn:
    counts = {name: {"train": 3 * photos, "validation": photos, "test": photos} for name in classes}
    skipped = [
        {"name": f"{classes[0]}/IMG_{number}.HEIC", "reason": "is not a JPEG, PNG, WebP, GIF or BMP picture"}
        for number in range(7)
    ]
    plain = {
        "classes": list(classes),
        "images": 5 * photos * len(classes),
        "counts": counts,
        "skipped": [{"name": f"{classes[-1]}/broken.jpg", "reason": "is cut short"}, *skipped],
        "skipped_count": 8,
        "duplicates": {
            "photos": 12,
            "exact_groups": 7,
            "near_groups": 3,
            "fallback": [{"class": classes[0], "photos": 40}],
        },
        "warnings": [f"{classes[1]} has fewer than 50 photos: its figures are rough."],
        "ready_made_split": False,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "split_sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    }
    return TakenIn.from_json(plain)


def _select(rng: np.random.Generator, images: int, classes: Sequence[str]) -> Selected:
    table = (
        ("efficientnet_lite0", "EfficientNet-Lite0", 0.912, 3_421_000, "chosen"),
        ("mobilenet_v2", "MobileNetV2", 0.905, 2_266_000, "tied"),
        ("efficientnet_v2_b0", "EfficientNetV2B0", 0.887, 5_928_000, "evaluated"),
        ("xception", "Xception", None, 20_873_000, "dropped"),
        ("vgg16", "VGG16", None, None, "no_weights"),
    )
    notes = {"dropped": "would not have finished within the budget", "no_weights": "no weights on this machine"}
    candidates = [
        {
            "name": name,
            "title": title,
            "validation_accuracy": accuracy,
            "validation_interval": list(wilson(round(accuracy * images), images)) if accuracy else None,
            "validation_loss": round(1.2 - accuracy, 3) if accuracy else None,
            "parameters": parameters,
            "seconds": 81.2 if accuracy else None,
            "state": state,
            "note": notes.get(state, ""),
        }
        for name, title, accuracy, parameters, state in table
    ]
    measured = [row for row in candidates if row["validation_accuracy"]]
    curve = [row.to_json() for candidate in measured for row in courses.curve(rng, "select", candidate, 40)]
    note = "EfficientNet-Lite0 had the highest validation accuracy; MobileNetV2 is as good, within chance."
    found = {
        "pruning": _pruning(),
        "learning_curve": CURVE.to_json(),
        "suspects": _suspects(classes),
        "suspects_count": 31,
    }
    best = {"winner": "efficientnet_lite0", "candidates": candidates, "curve": curve, "note": note}
    return Selected.from_json({**best, **found})


def _pruning() -> list[dict[str, Any]]:
    table = (
        ("efficientnet_lite0", "EfficientNet-Lite0", 0.31, 0.92, 0.8725, False),
        ("mobilenet_v2", "MobileNetV2", 0.29, 0.88, 0.8625, False),
        ("efficientnet_v2_b0", "EfficientNetV2B0", 0.27, 0.9, 0.86, False),
        ("vgg16", "VGG16", 0.12, None, 0.74, True),
    )
    names = ("name", "title", "logme", "p2l", "probe_accuracy", "dropped")
    return [dict(zip(names, row, strict=True)) | {"images": 400} for row in table]


def _suspects(classes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{classes[row % len(classes)]}/IMG_{row}.jpg",
            "class": classes[row % len(classes)],
            "says": classes[(row + 1) % len(classes)],
            "probability": 0.99 - row / 100,
        }
        for row in range(20)
    ]


def _calibration(test: HeldOutFigures) -> CalibrationFigures:
    bins = [{"confidence": sure, "accuracy": sure**0.7, "count": 10 + int(60 * sure)} for sure in (0.3, 0.5, 0.7, 0.96)]
    after = [{**one, "accuracy": one["confidence"] + 0.01} for one in bins]
    errors = {"temperature": 0.81, "ece_before": 0.0612, "ece_after": 0.0123, "images": test.images}
    return CalibrationFigures.from_json({**errors, "bins_before": bins, "bins_after": after})


def _model(classes: int) -> ModelFigures:
    head = 1281 * classes
    layers = [
        {"name": "photo", "type": "InputLayer", "output_shape": "(None, 224, 224, 3)", "parameters": 0},
        {"name": "rescaling", "type": "Rescaling", "output_shape": "(None, 224, 224, 3)", "parameters": 0},
        {"name": "lite0", "type": "Functional", "output_shape": "(None, 7, 7, 1280)", "parameters": 3_413_024},
        {"name": "pool", "type": "GlobalAveragePooling2D", "output_shape": "(None, 1280)", "parameters": 0},
        {"name": "classes", "type": "Dense", "output_shape": f"(None, {classes})", "parameters": head},
    ]
    plain = {
        "layers": layers,
        "total": 3_413_024 + head,
        "trainable": 729_600 + head,
        "non_trainable": 2_683_424,
        "input": "raw RGB 0..255, 224 x 224",
        "bytes": 14_022_312,
    }
    return ModelFigures.from_json(plain)


def _export() -> Exported:
    digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    files = {"model.h5": 14_022_312, "model.keras": 13_801_776, "labels.txt": 44}
    return Exported(
        files=tuple(FileRow(name, size, digest) for name, size in files.items()),
        exports=(
            ExportRow("model.h5", "h5", "made", 324, 0.91, 1.0, 0.0, "what was tested"),
            ExportRow("model.keras", "keras", "made", 324, 0.91, 1.0, 1.2e-7, ""),
        ),
    )


def evaluated_of(facts: Facts) -> Evaluated:
    """The figures of the test photos, typed as classification commits them."""
    assert isinstance(facts.evaluate, Evaluated)
    return facts.evaluate
