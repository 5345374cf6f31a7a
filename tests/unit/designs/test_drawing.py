"""The picture of a network shows each layer once, with its shape and parameters, as well-formed SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.unit.designs.texts import CELL, EVERYTHING, KNOWN
from vm_worker.designs.drawing import svg
from vm_worker.designs.grammar import parse
from vm_worker.designs.layers import Given, network

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return ["".join(one.itertext()) for one in ElementTree.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 (ours)


@pytest.mark.parametrize("text", [CELL, EVERYTHING, *(text for text, _, _ in KNOWN.values())])
def test_each_layer_is_drawn_once_with_its_parameters(text: str) -> None:
    whole = network(parse(text), Given(227))
    found = texts(svg(whole))
    costly = [f"{layer.cost.parameters:,} parameters" for layer in whole.layers if layer.cost.parameters]
    assert sorted(one.partition(" · ")[2] for one in found if " · " in one) == sorted(costly)
    assert found.count("side by side (DepthConcat)") == sum(layer.does == "DepthConcat" for layer in whole.layers)


def test_a_picture_says_what_each_layer_does() -> None:
    found = texts(svg(network(parse(EVERYTHING), Given(32, 10)), ["one & <two>"]))
    assert found[:5] == [
        "one & <two>",
        "picture",
        "32 x 32 x 3",
        "convolution 5 x 3, step 2 x 1, unpadded, tanh",
        "14 x 30 x 6 · 276 parameters",
    ]
    for word in (
        "depthwise convolution 3 x 3, step 2, BN, linear",
        "unchanged",
        "mean of 3 x 2, step 2",
        "dropout 0.25",
    ):
        assert word in found
    assert found[-1] == "10 values · 80 parameters"


def test_names_are_shown_where_they_are_given_and_where_they_are_used() -> None:
    found = texts(svg(network(parse(CELL), Given(32, 10))))
    assert [found.count(name) for name in ("a", "b", "n2", "n3")] == [1, 1, 1, 1]
    assert [found.count(f"from {name}") for name in ("a", "b", "n2", "n3")] == [1, 2, 2, 1]


def test_the_dropout_of_the_whole_network_is_drawn() -> None:
    text = '{"ops": ["FC:RELU:8", "SOFTMAX"], "regularization": {"Dropout": 0.4}}'
    assert "dropout 0.4" in texts(svg(network(parse(text), Given(8, 2))))


def test_everything_lies_within_the_picture() -> None:
    root = ElementTree.fromstring(svg(network(parse(KNOWN["googlenet"][0]))))  # noqa: S314 (ours)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    corners = list(_corners(root, 0.0, 0.0))
    assert len(corners) > 80
    assert all(0 <= x and x + w <= width and 0 <= y and y + h <= height for x, y, w, h in corners)


def _corners(element: ElementTree.Element, x: float, y: float) -> list[tuple[float, float, float, float]]:
    move = element.attrib.get("transform", "translate(0,0)").removeprefix("translate(").removesuffix(")").split(",")
    x, y = x + float(move[0]), y + float(move[1])
    own = []
    if element.tag == f"{SVG}rect" and "%" not in element.attrib["width"]:
        own = [(x, y, float(element.attrib["width"]), float(element.attrib["height"]))]
    return own + [corner for child in element for corner in _corners(child, x, y)]


def test_a_title_that_is_too_long_for_its_box_is_squeezed() -> None:
    long = '["DEPTHWISE_CONV:11X13:2X2:VALID:BN:TANH", "SEP_CONV:3X3:1X1:SAME", "SOFTMAX"]'
    picture = svg(network(parse(long), Given(32, 10)))
    titles = [one for one in ElementTree.fromstring(picture).iter(f"{SVG}text") if one.get("textLength")]  # noqa: S314 (ours)
    assert [one.text for one in titles] == ["depthwise convolution 11 x 13, step 2, unpadded, BN, tanh"]
    assert titles[0].get("textLength") == "264"
