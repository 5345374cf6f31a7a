"""A training in a file, epoch by epoch, so that one that is killed goes on, and comes to what it would have come to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from vm_worker.learn.arrays import Floats
from vm_worker.learn.atomic_files import replacing


@dataclass(frozen=True)
class State:
    """How far a training is, without its weights."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")  # on the validation photos, nats
    accuracy: float = 0.0  # on them, in the best epoch
    seconds: float = 0.0
    processor_seconds: float = 0.0


@dataclass(frozen=True)
class CheckpointRule:
    """Where a training is kept, and how often."""

    path: Path
    every: float = 20.0  # seconds between two writings; a training that takes less is not kept at all


def write(path: Path, model: keras.Model, state: State, best: Sequence[Floats], random: np.random.Generator) -> None:
    """Write a compiled model with its optimiser, the best weights, and the state of the order of photos."""
    facts = json.dumps([asdict(state), random.bit_generator.state])
    arrays: dict[str, Any] = {f"now{number}": np.asarray(value) for number, value in enumerate(_variables(model))}
    arrays |= {f"best{number}": value for number, value in enumerate(best)}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, facts=np.array(facts), **arrays)


def read(path: Path, model: keras.Model, random: np.random.Generator) -> tuple[State, list[Floats]] | None:
    """Set the model, its optimiser and the order of photos as they were; return the state and the best weights.

    None where there is no file, or one that is damaged or of another network: the training then begins anew.
    """
    try:
        # NumPy leaves a damaged file open that it has opened itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            state, order = json.loads(str(saved["facts"]))
            variables = _variables(model)
            now = [saved[f"now{number}"] for number in range(len(variables))]
            best = [saved[f"best{number}"] for number in range(len(model.weights))]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    if [value.shape for value in now] != [tuple(variable.shape) for variable in variables]:
        return None
    for variable, value in zip(variables, now, strict=True):
        variable.assign(value)
    random.bit_generator.state = order
    return State(**state), best


def _variables(model: keras.Model) -> list[Any]:
    """Return all that changes while a model learns: weights, states of random layers, and those of the optimiser."""
    return [*model.variables, *model.optimizer.variables]
