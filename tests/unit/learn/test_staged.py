"""The network of the paper has the paper's parameters, and a stage trains what the plan says."""

from __future__ import annotations

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest

from vm_worker.learn.staged import checkpoint, fitting
from vm_worker.learn.staged.checkpoint import CheckpointRule, State
from vm_worker.learn.staged.fitting import Fit, Fitted, Photos, Rule
from vm_worker.learn.staged.network import StagedNetwork, UnknownLayer, built

RULE = Rule(batch=8, rate=0.01, patience=9, epochs=3, minutes=None)


def _tiny(classes: int = 2) -> StagedNetwork:
    """Two convolutions, the second beside a shortcut."""
    image = keras.Input((8, 8, 3), name="image")
    maps = keras.layers.Rescaling(1 / 255, name="preprocessing")(image)
    first = keras.layers.BatchNormalization(name="norm1")(keras.layers.Conv2D(4, 3, padding="same", name="one")(maps))
    second = keras.layers.Conv2D(4, 3, padding="same", name="two")(first)
    joined = keras.layers.Add(name="sum")([first, second])
    return StagedNetwork(
        keras.Model(image, keras.layers.GlobalAveragePooling2D(name="features")(joined), name="tiny"), classes
    )


def _photos(count: int, seed: int) -> Photos:
    """Dark and light squares."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = random.integers(0, 100, (count, 8, 8, 3)) + 150 * labels[:, None, None, None]
    return Photos(images.astype(np.uint8), labels)


def _fitted(
    network: StagedNetwork, cached: Path | None = None, rule: Rule = RULE, kept: CheckpointRule | None = None
) -> tuple[Fitted, list[int]]:
    heard: list[int] = []
    fit = Fit(network.model, _photos(20, 0), _photos(10, 1), rule, 3, kept)
    if cached is None:
        return fitting.fit(fit, lambda epoch, _: heard.append(epoch)), heard
    return fitting.fit_cached(fit, network.cut(), cached, lambda epoch, _: heard.append(epoch)), heard


class Cut(Exception):
    """The training is cut off."""


def _cut_off(network: StagedNetwork, kept: CheckpointRule, after: int) -> None:
    def heard(epoch: int, _: float) -> None:
        if epoch == after:
            raise Cut

    with pytest.raises(Cut):
        fitting.fit(Fit(network.model, _photos(20, 0), _photos(10, 1), RULE, 3, kept), heard)


@pytest.mark.parametrize("classes", [3, 10])
def test_the_papers_network_has_the_papers_parameters(classes: int) -> None:
    model = built("alexnet_48", 48, classes).model
    assert model.input_shape == (None, 48, 48, 3)
    counts = [count for layer in model.layers if (count := layer.count_params())]
    assert counts == [1216, 64, 4640, 128, 18496, 73856, 590336, 262656, 513 * classes]


def test_layers_are_named_and_numbered_with_their_normalisations() -> None:
    network = built("alexnet_48", 48, 3)
    assert [(one.number, one.name, one.parameters) for one in network.layers[:3]] == [
        (1, "conv1", 1280), (2, "conv2", 4768), (3, "conv3", 18496),
    ]  # fmt: skip
    assert [one.name for one in network.frozen(["conv2", 1], None)] == ["conv1", "conv2"]
    assert [one.name for one in network.frozen([], "conv3")] == ["conv1", "conv2", "conv3"]
    assert [one.name for one in network.frozen([], 2)] == ["conv1", "conv2"]
    assert len(network.frozen([], "all")) == 6
    for unknown in ("conv9", 0, 7, "probabilities"):
        with pytest.raises(UnknownLayer):
            network.frozen([unknown], None)


def test_only_a_frozen_beginning_is_cut_off() -> None:
    network = built("alexnet_48", 48, 3)
    shapes = []
    for frozen in ([], [2], [1, 2], [1, 2, 3, 4], [1, 2, 4]):
        network.freeze(network.frozen(frozen, None))
        cut = network.cut()
        shapes.append(None if cut is None else tuple(cut.shape[1:]))
    assert shapes == [None, None, (11, 11, 32), (1152,), (11, 11, 32)]


def test_no_cut_lies_beside_a_shortcut() -> None:
    network = _tiny()
    network.freeze(network.frozen(["one"], None))
    assert network.cut() is network.model.get_layer("norm1").output


def test_frozen_layers_stay_and_neither_a_cache_nor_a_cut_changes_what_is_learnt(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    start, kept = _tiny(), CheckpointRule(tmp_path / "kept.npz", every=0)
    ends = []
    for way in ("plain", "cut off", "cached"):
        network = _begun(start)
        if way == "cut off":
            _cut_off(network, kept, after=2)
            network = _begun(start)
        fitted, heard = _fitted(network, tmp_path if way == "cached" else None, kept=kept if way == "cut off" else None)
        assert heard == ([3] if way == "cut off" else [1, 2, 3]) and fitted.epochs == RULE.epochs
        assert {layer.name for layer in network.model.layers if _learnt(layer, start)} == {"two", "probabilities"}
        ends.append(network.model.get_weights())
    plain, resumed, from_cache = ends
    assert all(itertools.starmap(np.array_equal, zip(plain, resumed, strict=True)))
    for one, other in zip(plain, from_cache, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.npz"]  # and no cache


@pytest.mark.parametrize("content", [b"", b"PK", b"half", None])
def test_a_damaged_checkpoint_begins_anew(tmp_path: Path, content: bytes | None) -> None:
    model, path = _tiny(3).model, tmp_path / "kept.npz"
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    random = np.random.default_rng(0)
    checkpoint.write(path, model, State(epoch=2), model.get_weights(), random)
    assert checkpoint.read(path, model, random) is not None
    other = _tiny(2).model
    other.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    other.optimizer.build(other.trainable_variables)
    assert checkpoint.read(path, other, random) is None  # of another network
    if content is not None:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
        assert checkpoint.read(path, model, random) is None
    path.unlink()
    assert checkpoint.read(path, model, random) is None


def test_a_checkpoint_that_is_cut_off_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, path, random = _tiny().model, tmp_path / "kept.npz", np.random.default_rng(0)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    checkpoint.write(path, model, State(epoch=2), model.get_weights(), random)
    before = path.read_bytes()

    def cut_off(file: object, **values: object) -> None:
        assert path.read_bytes() == before
        raise Cut

    monkeypatch.setattr(np, "savez", cut_off)
    with pytest.raises(Cut):
        checkpoint.write(path, model, State(epoch=3), model.get_weights(), random)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def _begun(start: StagedNetwork) -> StagedNetwork:
    network = _tiny()
    network.model.set_weights(start.model.get_weights())
    network.freeze(network.frozen(["one"], None))
    return network


def _learnt(layer: keras.Layer, start: StagedNetwork) -> bool:
    before = start.model.get_layer(layer.name).get_weights()
    return not all(itertools.starmap(np.array_equal, zip(before, layer.get_weights(), strict=True)))


@pytest.mark.parametrize(
    ("rule", "epochs"),
    [
        (Rule(8, 1e-30, patience=2, epochs=50, minutes=None), 3),  # nothing gets better after the first epoch
        (Rule(8, 0.01, patience=9, epochs=50, minutes=1e-9), 0),
    ],
)
def test_a_training_ends_by_its_rule(rule: Rule, epochs: int) -> None:
    network = _tiny()
    network.freeze(network.layers)  # no averages of a normalisation change, so nothing but the head can
    fitted, heard = _fitted(network, rule=rule)
    assert fitted.epochs == len(heard) == epochs


def test_weights_go_on_with_a_new_head_or_the_same(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    before, same, other = _tiny(2), _tiny(2), _tiny(5)
    before.save(tmp_path / "before.npz")
    same.load(tmp_path / "before.npz", new_head=False)
    other.load(tmp_path / "before.npz", new_head=True)
    assert all(
        itertools.starmap(np.array_equal, zip(before.model.get_weights(), same.model.get_weights(), strict=True))
    )
    assert all(
        itertools.starmap(np.array_equal, zip(before.below.get_weights(), other.below.get_weights(), strict=True))
    )
    assert other.model.output_shape == (None, 5)
