"""A training that trains nothing: the score of a network follows from its text, its epochs and the division."""

from __future__ import annotations

import hashlib

import numpy as np

from jobs.json_values import JsonObject
from vm_worker.executors.executor import MessageSink
from vm_worker.learn.design.messages import ENDED, GIVEN_UP, NetworkResult, NetworkTask, packed

CHANCE = 1 / 3
trained: list[NetworkTask] = []  # every task that ran in this process


def luck(text: str) -> float:
    """Return a number of 0..1 that a text always gives."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


def work(message: JsonObject, tell: MessageSink) -> JsonObject:
    """Return a result at once. Networks without a skip are worth less; one in ten only guesses."""
    task = NetworkTask.from_json(message)
    trained.append(task)
    text = task.training.architecture
    if luck(text) > 0.995:
        raise ValueError("this network cannot be trained")
    gives_up = luck(text) < 0.1 and task.training.halves == 0
    score = CHANCE if gives_up else 0.4 + 0.3 * luck(text) + 0.2 * ("Add" in text) + 0.002 * task.training.epochs
    tell({"trained": 1, "of": task.training.epochs, "score": score, "trial": task.key})
    count = len(task.inputs.parts(task.training.halves).judged)
    right = np.random.default_rng(task.training.halves).random(count) < score
    return NetworkResult(
        state=GIVEN_UP if gives_up else ENDED,
        score=round(score, 6),
        chance=CHANCE,
        curve=(round(score, 6),),
        epoch_seconds=0.01 + 0.1 * (luck(text[::-1]) > 0.95),
        seconds=0.1,
        right=packed(right) if task.training.halves else "",
    ).to_json()
