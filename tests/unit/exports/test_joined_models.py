"""Every file of a pair whose first network has a tuned copy of its upper layers: real networks, heads that learnt."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pytest

from jobs.options import EXPORTS
from tests.unit.exports.proofs import proof_of
from tests.unit.learn.photos import CLASSES, textures, weight
from vm_worker.exports import files, formats
from vm_worker.exports.delivery import Order, deliver
from vm_worker.exports.formats import Pace
from vm_worker.intake.dataset import Part
from vm_worker.learn.heads import forms
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.forms import Part as HeadPart
from vm_worker.learn.heads.linear import Head, HeadSettings
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import assemble, build, catalogue, depth
from vm_worker.learn.networks.branch import branched
from vm_worker.learn.networks.pair import paired
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.results.exported import ExportRow

pytestmark = pytest.mark.slow
KEY, LARGER = "efficientnet_lite0", "efficientnet_lite0_288"
SIDE, LARGER_SIDE = 224, 288
TUNED = "block7a_project_conv"

# Loads the file as somebody does who has nothing of ours.
ELSEWHERE = """
import sys
import tensorflow as tf
model = tf.keras.models.load_model(sys.argv[1])
answers = model(tf.zeros((1, *model.input_shape[1:]))).numpy()
assert abs(answers.sum() - 1) < 1e-5
assert not {name.split(".")[0] for name in sys.modules} & {"vm_worker", "jobs"}
"""


def head(weight: WeightFile, photos: LabelledPhotos, side: int) -> Head:
    """The mean of a head on the last features and one on the best tenth of all, as selection fits it."""
    network, rows = build.extractor(weight.key, weight), photos.rows(Part.TRAIN)
    last = network.output.shape[-1]
    features = depth.deepened(network).predict(photos.pixels(side)[rows].astype(np.float32), verbose=0)
    table = FeatureTable(features, photos.truth.labels[rows], photos.groups[rows], len(rows), last)
    settings = HeadSettings(len(CLASSES), 12, 0)
    return forms.fit(table, table.everything, settings, (HeadPart(1e-2, 12), HeadPart(1e-2, 12, 0.1)))


def joined(photos: LabelledPhotos) -> keras.Model:
    """The pair. What tuning does to the upper layers is a small change of some weights here."""
    small = weight(KEY)
    large = WeightFile(LARGER, small.path, small.kind)
    first = head(small, photos, SIDE)
    trained = assemble.trainable(small, first, logits=True)
    changed, random = trained.get_layer(TUNED), np.random.default_rng(0)
    changed.set_weights([values * random.normal(1, 0.02, values.shape) for values in changed.get_weights()])
    top = trained.get_layer(assemble.OUTPUT)
    top.set_weights([np.asarray(random.normal(0, 0.02, values.shape)) for values in top.get_weights()])
    mean = branched(assemble.assemble(small, first), trained, first, 0.25)
    return paired(mean, assemble.assemble(large, head(large, photos, LARGER_SIDE)))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, ExportRow]]:
    folder = tmp_path_factory.mktemp("joined")
    photos = textures(folder, (SIDE, LARGER_SIDE), each=20)
    model = joined(photos)
    files.save(model, folder / files.H5)
    rows = np.concatenate([photos.rows(part) for part in (Part.VALIDATION, Part.TEST)])
    expected = model.predict(photos.pixels(LARGER_SIDE)[rows].astype(np.float32), verbose=0)
    order = Order(
        folder=folder,
        formats=tuple(formats.wanted(EXPORTS)),
        proof=proof_of(photos.images[LARGER_SIDE], rows, photos.truth.labels[rows], expected, folder, 1200),
        train=photos.rows(Part.TRAIN),
        classes=CLASSES,
        about={"title": "Joined"},
        pace=Pace(20.0, 1.2, len(rows)),
        seconds=2400.0,
        tell=lambda fraction, message: None,
    )
    return folder, {str(row.format): row for row in deliver(order)}


@pytest.mark.parametrize("key", EXPORTS)
def test_every_file_says_what_the_model_says(delivered: tuple[Path, Mapping[str, ExportRow]], key: str) -> None:
    row, loss = delivered[1][key], formats.FORMATS[key].difference
    assert row.state == "made" and row.accuracy is not None and row.accuracy > 0.9
    assert row.agreement is not None and row.agreement >= (1.0 if loss else 0.95)
    assert row.max_difference is not None and row.max_difference <= (loss or 0.05)


def test_what_both_networks_share_is_in_the_files_once(delivered: tuple[Path, Mapping[str, ExportRow]]) -> None:
    one = 4 * catalogue.find(KEY).parameters
    for key in ("h5", "keras", "tflite"):
        assert (delivered[1][key].bytes or 0) < 1.4 * one  # with what was tuned, and the head


def test_it_loads_where_there_is_tensorflow_alone(delivered: tuple[Path, object], tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", ELSEWHERE, str(delivered[0] / files.H5)]
    subprocess.run(command, cwd=tmp_path, check=True)
