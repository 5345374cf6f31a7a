"""Shapes, parameters and multiply-adds are known without building; what does not fit is refused."""

from __future__ import annotations

import json

import pytest

from tests.unit.designs.texts import CELL, EVERYTHING, KNOWN, LISTING, SHARED
from vm_worker.designs.grammar import parse
from vm_worker.designs.layers import Given, network
from vm_worker.designs.shapes import Cost
from vm_worker.designs.words import ArchitectureError

SMALL = Given(32, 10)


def shapes(text: str, given: Given = SMALL) -> list[tuple[int, ...]]:
    return [layer.shape for layer in network(parse(text), given).layers]


@pytest.mark.parametrize("name", KNOWN)
def test_the_parameters_of_published_networks_are_known(name: str) -> None:
    text, pixels, parameters = KNOWN[name]
    assert network(parse(text), Given(pixels)).cost.parameters == parameters


def test_the_multiply_adds_of_published_networks_are_known() -> None:
    assert network(parse(KNOWN["vgg16"][0])).cost.multiply_adds == 15_470_264_320  # 15.5 G
    assert network(parse(KNOWN["resnet18"][0])).cost.multiply_adds == 1_814_073_344  # 1.8 G


@pytest.mark.parametrize("text", [CELL, EVERYTHING, LISTING])
def test_a_whole_architecture_says_everything_and_stays_as_it_is(text: str) -> None:
    whole = network(parse(text), Given(224))
    again = parse(str(whole.architecture))
    assert again == whole.architecture and network(again, Given(224, width=99)).layers == whole.layers


def test_open_widths_double_where_maps_halve_and_are_shared_by_branches() -> None:
    branches = '[["CONV:1X1:1X1:SAME", ["CONV:1X1:1X1:SAME", "CONV:3X3:1X1:SAME"]], "DepthConcat"]'
    text = f'["CONV:3X3:2X2:SAME", "CONV:3X3:1X1:SAME", {branches}, "FC", "SOFTMAX"]'
    found = [shape[-1] for shape in shapes(text)]
    # picture; full size: 16; half of it: 32; two branches: 16, 8 and 16; joined; FC: as many as features, at most 1024
    assert found == [3, 16, 32, 16, 8, 16, 32, 1024, 10]


def test_the_dropout_of_a_network_comes_before_each_fc_or_else_before_softmax() -> None:
    def words(ops: str) -> list[str]:
        text = f'{{"ops": [{ops}, "SOFTMAX"], "regularization": {{"Dropout": 0.4}}}}'
        whole = network(parse(text), SMALL)
        assert str(parse(text)) == text and whole.architecture.dropout == 0.4
        return [str(layer.does) for layer in whole.layers[1:]]

    assert words('"FC:RELU:8", "FC:RELU:9"') == ["DROPOUT:0.4", "FC:RELU:8", "DROPOUT:0.4", "FC:RELU:9", "SOFTMAX"]
    assert words('"FLATTEN"') == ["FLATTEN", "DROPOUT:0.4", "SOFTMAX"]


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("CONV:3X3:1X1:SAME:8", (32, 32, 8)),
        ("CONV:3X3:3X3:SAME:8", (11, 11, 8)),
        ("CONV:3X5:2X3:VALID:8", (15, 10, 8)),
        ("DEPTHWISE_CONV:3X3:2X2:SAME", (16, 16, 3)),
        ("MAX_POOLING:3X3:2X2:VALID", (15, 15, 3)),
        ("AVERAGE_POOLING:32X32:1X1:VALID", (1, 1, 3)),
        ("MAX_POOLING:99X99:1X1:SAME", (32, 32, 3)),
        ("GLOBAL_AVERAGE_POOLING", (3,)),
        ("FLATTEN", (3072,)),
        ("FC:RELU:7", (7,)),
    ],
)
def test_shapes(word: str, shape: tuple[int, ...]) -> None:
    assert shapes(f'["{word}", "SOFTMAX"]') == [(32, 32, 3), shape, (10,)]


REFUSED = {
    '["AVERAGE_POOLING:33X7:1X1:VALID","SOFTMAX"]': "the maps are 32 x 32 there; a window of 33 x 7 does not fit",
    '["CONV:33X7:1X1:VALID:3","SOFTMAX"]': "with SAME it always does",
    '[[["IDENTITY","CONV:3X3:2X2:SAME:8"],"Add"],"SOFTMAX"]': "different sizes (32 x 32, 16 x 16)",
    '[[["IDENTITY","CONV:3X3:1X1:SAME:8"],"Add"],"SOFTMAX"]': "an Add give 3, 8 maps; make them equal with a 1X1 CONV",
    '[[["FC:RELU:7","FC:RELU:8"],"Add"],"SOFTMAX"]': "an Add give 7, 8 features; make them equal with an FC",
    '[[["IDENTITY","FLATTEN"],"DepthConcat"],"SOFTMAX"]': "some branches give maps and some features",
    '["FC:RELU:64","CONV:3X3:1X1:SAME","SOFTMAX"]': "step 2, CONV:3X3:1X1:SAME: after an FC, FLATTEN or",
    '["FLATTEN",[["IDENTITY",["RELU","LocalRespNorm"]],"Add"],"SOFTMAX"]': "step 2, branch 2, step 2, LocalRespNorm",
    '["@n3","SOFTMAX"]': '"@n3" names nothing before it; name a step before it, as in {"name": "n3", "op": "RELU"}',
    '[{"name":"block1","op":"RELU"},"@blok1","SOFTMAX"]': '"@blok1" names nothing before it; did you mean @block1?',
    '[{"name":"a","op":"RELU"},"@stem","SOFTMAX"]': '"@stem" names nothing before it; known there are @a',
    '[{"name":"a","op":"@a"},"SOFTMAX"]': '"@a" names nothing before it',
    '[{"name":"a","op":"RELU"},{"name":"a","op":"RELU"},"SOFTMAX"]': 'name "a" is used twice; give one of them another',
    '[{"name":"a","op":"RELU"},{"name":"b","op":"FLATTEN"},"@a","SOFTMAX"]': 'step 2: the output of FLATTEN ("b")',
    '["FLATTEN","FC:RELU:4096","FC:RELU:4096","FC:RELU:4096","SOFTMAX"]': "than 30,000,000 parameters",
    '["CONV:9X9:1X1:SAME:400","CONV:9X9:1X1:SAME:400","SOFTMAX"]': "more than 5,000,000,000 multiply-adds",
    "[" + '[["IDENTITY","IDENTITY"],"DepthConcat"],' * 30 + '"SOFTMAX"]': "more than 9,000,000 values there",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: str(text)[:40])
def test_what_does_not_fit_is_named(text: str) -> None:
    with pytest.raises(ArchitectureError) as refused:
        network(parse(text), SMALL, Cost(30_000_000, 5_000_000_000, 9_000_000))
    assert REFUSED[text] in str(refused.value)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_the_shared_texts_have_their_parameters_or_their_refusals() -> None:
    shared = json.loads((SHARED / "strings.json").read_text(encoding="utf-8"))
    for one in shared["good"]:
        found = network(parse(one["text"]), Given(one.get("pixels", 224))).cost.parameters
        assert found == (one["parameters"] or found), one["name"]
    for text, named in shared["bad"]:
        with pytest.raises(ArchitectureError) as refused:
            network(parse(text))
        assert all(part in str(refused.value) for part in named), text
