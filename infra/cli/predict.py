"""`modelmail predict`: class and probability of photos, by a delivered model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from infra.cli.screen import Screen
from infra.local.environment import hush_tensorflow
from jobs import wording
from jobs.errors import ModelmailError
from vm_worker.exports import files
from vm_worker.intake.images import read_square


def run(model: Path, images: list[Path], as_json: bool) -> int:
    """Print a line for each image; returns the exit status: 0 when all could be read, 1 else, 2 without a model."""
    screen = Screen(to_stderr=as_json)
    labels = model.with_name("labels.txt")
    for path in (model, labels):
        if not path.is_file():
            screen.say(f"There is no {path}.")
            return 2
    hush_tensorflow()
    try:
        network = files.load(model)
    except (ValueError, OSError) as error:
        screen.say(f"{model} is no Keras model: {error}")
        return 2
    rows = predictions(network, labels.read_text(encoding="utf-8").split("\n"), images)
    for row in rows:
        screen.say(f"{row['image']}  {_answer(row)}")
    if as_json:
        sys.stdout.write(json.dumps({"predictions": rows}) + "\n")
    return 1 if any(row["error"] for row in rows) else 0


def predictions(network: Any, labels: list[str], images: list[Path]) -> list[dict[str, Any]]:
    """One row for each image, by a Keras model.

    `image`, `class`, `probability` (0..1) and `error`; None where there is nothing to say.
    """
    rows: list[dict[str, Any]] = []
    for image in images:
        try:
            square = read_square(image, network.input_shape[1])
        except (ModelmailError, OSError) as error:
            rows.append({"image": str(image), "class": None, "probability": None, "error": str(error)})
            continue
        answer = network.predict_on_batch(square[None].astype("float32"))[0]
        best = int(answer.argmax())
        rows.append({"image": str(image), "class": labels[best], "probability": float(answer[best]), "error": None})
    return rows


def _answer(row: dict[str, Any]) -> str:
    return (
        str(row["error"]) if row["error"] else f"{wording.name(row['class'])}  {wording.percent(row['probability'], 1)}"
    )
