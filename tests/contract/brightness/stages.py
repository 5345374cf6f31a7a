"""The stages that differ from the shared ones: a ridge regression on the features of one network."""

from __future__ import annotations

import keras
import numpy as np

from tests.contract.brightness.told import Measured
from tests.contract.brightness.truth import BrightnessTruth
from vm_worker.exports import files
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn.features import engines, extraction
from vm_worker.learn.features.extraction import Source
from vm_worker.learn.heads.linear import Head, standardisation
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import CATALOGUE, OUTPUT
from vm_worker.results.candidates import CandidateRow, Selected
from vm_worker.results.trials import TrialRow, Tuned
from vm_worker.stages.artifacts import HEAD, PROBABILITIES
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, private, public

STRENGTH = 100.0  # of the ridge


def select(context: StageContext) -> Output:
    """One candidate."""
    found, _ = context.inputs.weights()
    weight = next(iter(found.values()))
    row, dataset = CATALOGUE[weight.key], context.inputs.dataset()
    engine = engines.by_keras(build.extractor(weight.key, weight))
    everything = np.arange(len(dataset.names), dtype=np.int64)
    features = extraction.in_memory(engine, Source(dataset.pixels(row.size), everything))
    head = _ridge(features[dataset.rows(Part.TRAIN)], dataset.truth.values[dataset.rows(Part.TRAIN)])
    head.save(context.folder / HEAD)
    kernel, bias = head.folded()
    judged = dataset.rows(Part.VALIDATION)
    score = context.inputs.task.judge.score(features[judged] @ kernel + bias, dataset.truth.take(judged))
    rmse = CandidateRow(
        row.key, row.title, None, None, None, row.parameters, 1.0, "chosen", "", validation_score=score, metric="rmse"
    )
    return Output(Selected(row.key, (rmse,), (), "It was the only candidate.", 10.0, 10.0), (private(HEAD),))


def tune(context: StageContext) -> Output:
    """Nothing is tuned."""
    trial, best = TrialRow(1, "rule", {}, state="skipped", note="not for this task"), context.results.selected.best
    return Output(Tuned(False, (trial,), (), None, None, None, best.validation_score, best.metric))


def evaluate(context: StageContext) -> Output:
    """Write the model, load it again, and test it."""
    inputs, path = context.inputs, context.folder / files.H5
    extractor = build.extractor(inputs.winner.key, inputs.weight())
    top = keras.layers.Dense(1, dtype="float32", name=OUTPUT)
    model = keras.Model(extractor.input, top(extractor.output))
    top.set_weights(list(Head.load(context.folder / HEAD).folded()))
    files.save(model, path)
    dataset: Dataset[BrightnessTruth] = inputs.dataset()
    rows = dataset.rows(Part.TEST)
    loaded = files.load(path)
    answers = predict(loaded, dataset.pixels(inputs.winner.size), rows)
    np.savez(context.folder / PROBABILITIES, probabilities=answers)
    rmse = inputs.task.judge.score(answers, dataset.truth.take(rows))
    result = Measured(rmse, len(rows), files.figures(loaded, inputs.winner.size, path))
    return Output(result, (public(files.H5), private(PROBABILITIES)))


def _ridge(features: np.ndarray, values: np.ndarray) -> Head:
    mean, scale = standardisation(features)
    x = (features - mean) / scale
    kernel = np.linalg.solve(x.T @ x + STRENGTH * np.eye(x.shape[1]), x.T @ (values - values.mean()))
    return Head(mean, scale, kernel[:, None].astype(np.float32), np.array([values.mean()], np.float32))
