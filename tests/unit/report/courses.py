"""What training leaves, made up: curves of the epochs, and a tuned winner."""

from __future__ import annotations

from typing import Any

import numpy as np

from vm_worker.results.candidates import CurvePoint
from vm_worker.results.trials import Parameter, TrialRow, Tuned

SKIPPED_TRIAL = Tuned(
    better=False,
    trials=(TrialRow(1, "rule", {}, state="skipped", note="the time left does not allow it"),),
    curve=(),
    validation_accuracy=None,
    validation_loss=None,
)


def curve(rng: np.random.Generator, phase: str, candidate: dict[str, Any], epochs: int) -> list[CurvePoint]:
    best = candidate["validation_accuracy"]
    rows = []
    for epoch in range(1, epochs + 1):
        rise = 1 - np.exp(-epoch / 5)
        rows.append(
            CurvePoint(
                phase=phase,
                name=candidate["name"],
                epoch=epoch,
                accuracy=float(min(1.0, 0.35 + (best - 0.29) * rise)),
                validation_accuracy=float(0.3 + (best - 0.3) * rise + rng.normal(0, 0.004)),
                loss=float(0.15 + 1.7 * np.exp(-epoch / 4)),
                validation_loss=float(1.2 - best + 1.6 * np.exp(-epoch / 4) + epoch * 0.001),
            )
        )
    return rows


def tune(better: bool) -> Tuned:
    gain = 0.004 if better else -0.003
    rows = [
        CurvePoint(
            phase="tune",
            name="rule",
            epoch=epoch,
            accuracy=0.96 + 0.005 * epoch,
            validation_accuracy=0.909 + gain * epoch,
            loss=0.17 - 0.015 * epoch,
            validation_loss=0.31 - gain * epoch * 3,
        )
        for epoch in range(1, 7)
    ]
    parameters: dict[str, Parameter] = {
        "unfrozen from": "block6a_expand_conv",
        "epochs": 6,
        "learning rate": 0.0001,
        "batch": 64,
    }
    trial = TrialRow(
        number=1,
        kind="rule",
        parameters=parameters,
        validation_accuracy=rows[-1].validation_accuracy,
        validation_loss=rows[-1].validation_loss,
        seconds=349.0,
        state="kept" if better else "not_better",
        note="" if better else "its validation accuracy is lower",
    )
    best = rows[-1].validation_accuracy if better else 0.909
    return Tuned(better, (trial,), tuple(rows), best, 0.29)
