"""Every point of every space is a network of the grammar that builds within bounds."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm_worker.designs.builder import build
from vm_worker.designs.grammar import parse
from vm_worker.designs.layers import INPUT, Given, Network, network
from vm_worker.designs.words import Convolution, Pooling
from vm_worker.learn.design.spaces.cells import CellsSpace
from vm_worker.learn.design.spaces.layers import LayersSpace, State, bucket, places_for
from vm_worker.learn.design.spaces.space import LIMITS, DesignSpace
from vm_worker.learn.design.spaces.table import SPACES
from vm_worker.search.space import Choice, Point

SIZES = st.sampled_from([8, 28, 32, 48, 64])


def drawn(space: DesignSpace, seed: int) -> dict[str, bool | int | float | str]:
    return space.space.draw(np.random.default_rng(seed))


def whole(space: DesignSpace, point: Point, size: Given) -> Network:
    return network(space.decode(point), size, LIMITS)


@pytest.mark.parametrize("name", SPACES)
@given(pixels=SIZES, seed=st.integers(0, 2**31), trainings=st.integers(1, 200), classes=st.sampled_from([2, 200]))
def test_every_point_is_a_network_of_the_grammar_within_bounds(
    name: str, pixels: int, seed: int, trainings: int, classes: int
) -> None:
    size = Given(pixels, classes)
    space = SPACES[name](size, trainings)
    built = whole(space, drawn(space, seed), size)
    assert parse(str(built.architecture)) == built.architecture
    assert built.layers[-1].shape == (classes,)


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [28, 64])
@pytest.mark.parametrize("name", SPACES)
def test_keras_builds_what_is_printed_with_the_parameters_that_were_told(name: str, pixels: int) -> None:
    size = Given(pixels, 7)
    space = SPACES[name](size, 40)
    for seed in range(5):
        told = whole(space, drawn(space, seed), size)
        model = build(network(parse(str(told.architecture)), size))
        assert model.count_params() == told.cost.parameters
        assert {layer.shape for layer in told.layers} <= {tuple(one.output.shape[1:]) for one in model.layers}
        keras.backend.clear_session()


@pytest.mark.parametrize("name", SPACES)
def test_most_points_are_networks_of_their_own(name: str) -> None:
    size = Given(32, 10)
    space = SPACES[name](size, 40)
    networks = {str(space.decode(drawn(space, seed))) for seed in range(200)}
    assert len(networks) > 140


@given(seed=st.integers(0, 2**31), places=st.integers(4, 7))
def test_layers_keep_to_the_states_of_metaqnn(seed: int, places: int) -> None:
    size = Given(32, 10)
    space = LayersSpace(size, places)
    assert 6 <= len(space.space.dimensions) <= 9
    built = whole(space, drawn(space, seed), size)
    before, pooled = built.layers[INPUT].shape, True  # as if after a pooling: none may come first
    for layer in built.layers[1:]:
        if isinstance(layer.does, Pooling):
            assert not pooled
        if isinstance(layer.does, Convolution) and layer.does.kernel != (1, 1):
            assert layer.does.kernel[0] <= bucket(before[0])
        pooled = isinstance(layer.does, Pooling)
        before = layer.shape if len(layer.shape) == 3 else before


def test_a_larger_budget_gives_more_places_and_wider_networks() -> None:
    assert [places_for(count) for count in (5, 20, 40, 100, 1000)] == [4, 5, 6, 7, 7]
    widest = [SPACES["layers"](Given(32, 10), count).space.dimensions[0] for count in (99, 100)]
    assert [max(one.values) for one in widest if isinstance(one, Choice)] == [24, 32]
    assert State(32).allowed() == ("conv3", "sep5", "skip1", "skip2")
    assert State(3, depth=2).allowed() == ("end",)


def test_a_place_adds_what_an_earlier_one_gave() -> None:
    size = Given(32, 10)
    space = LayersSpace(size, 4)
    point: Point = {
        "width": 16,
        "place1": "conv3",
        "place2": "conv3",
        "place3": "skip2",
        "place4": "end",
        "head": "mean",
    }
    text = str(space.decode(point))
    assert '"name": "p2"' in text and '["@p2", "CONV:1X1:2X2:SAME:32:BN:LINEAR"]' in text
    assert whole(space, point, size).layers[-2].shape == (16, 16, 32)


def test_cells_that_lead_nowhere_are_left_out() -> None:
    space = CellsSpace(Given(32, 10))
    point = {one.name: (0 if one.name.endswith(("left", "right")) else "sep3") for one in space.space.dimensions}
    text = str(space.decode(point))
    assert '"c2"' in text and '"c3' not in text and '"c1' not in text
    network(space.decode(point), Given(32, 10), LIMITS)
