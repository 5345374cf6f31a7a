"""Architectures are read, written and read again as the same; what is wrong is refused with what to write."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.designs.texts import CELL, EVERYTHING, KNOWN, LISTING, SHARED
from vm_worker.designs.grammar import Architecture, Join, Named, Step, TextLimits, parse, words_of
from vm_worker.designs.layers import Given, network
from vm_worker.designs.words import (
    ACTIVATIONS,
    CONVOLUTIONS,
    JOINTS,
    PADDINGS,
    PLAIN,
    POOLINGS,
    ArchitectureError,
    Convolution,
    Dense,
    Dropout,
    Plain,
    Pooling,
    Reference,
    word,
)

TEXTS = {name: text for name, (text, _, _) in KNOWN.items()} | {"cell": CELL, "everything": EVERYTHING}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_written_reads_as_the_same(name: str) -> None:
    read = parse(TEXTS[name])
    assert parse(str(read)) == read and str(parse(str(read))) == str(read)


def test_the_form_of_the_paper_is_read_in_its_order() -> None:
    read = parse(LISTING)
    assert len(read.steps) == 20 and read.dropout == 0.4
    assert read.steps[0] == Convolution("CONV", (7, 7), (2, 2), "SAME")
    assert read.steps[1] == Pooling("MAX_POOLING", (3, 3), (2, 2), "SAME")
    assert read.steps[2] == Plain("LocalRespNorm")
    block = read.steps[6]
    assert (
        isinstance(block, Join) and block.how == "DepthConcat" and [len(one) for one in block.branches] == [1, 2, 2, 2]
    )
    assert read.steps[-2:] == (Dense(), Plain("SOFTMAX"))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" conv : 3x3:1 x 1: same ", "CONV:3X3:1X1:SAME"),
        ("CONV:3X3:1X1:SAME:RELU:BN:64", "CONV:3X3:1X1:SAME:64:BN"),
        ("sep conv:3X5:2X2:valid:8:linear", "SEP_CONV:3X5:2X2:VALID:8:LINEAR"),
        ("DEPTHWISECONV:3X3:1X1:SAME", "DEPTHWISE_CONV:3X3:1X1:SAME"),
        ("max pooling:2X2:2X2:SAME", "MAX_POOLING:2X2:2X2:SAME"),
        ("global\naverage pooling", "GLOBAL_AVERAGE_POOLING"),
        ("local resp norm", "LocalRespNorm"),
        ("FC", "FC:RELU"),
        ("FC:64", "FC:RELU:64"),
        ("fc:tanh:5", "FC:TANH:5"),
        ("DROPOUT:.50", "DROPOUT:0.5"),
        ("@n_2", "@n_2"),
    ],
)
def test_spellings_of_one_word_are_written_alike(text: str, canonical: str) -> None:
    assert str(word(text)) == canonical and word(canonical) == word(text)


SIDES = st.tuples(st.integers(1, 99), st.integers(1, 99))
COUNTS = st.none() | st.integers(1, 4096)
CONVOLUTION = st.builds(
    lambda kind, kernel, step, padding, filters, normalized, activation: Convolution(
        kind,
        kernel,
        step if kind == "CONV" else (step[0], step[0]),
        padding,
        None if kind == "DEPTHWISE_CONV" else filters,
        normalized,
        activation,
    ),
    st.sampled_from(CONVOLUTIONS), SIDES, SIDES, st.sampled_from(PADDINGS), COUNTS, st.booleans(),
    st.sampled_from(ACTIVATIONS),
)  # fmt: skip
WORDS = st.one_of(
    CONVOLUTION,
    st.builds(Pooling, st.sampled_from(POOLINGS), SIDES, SIDES, st.sampled_from(PADDINGS)),
    st.builds(Dense, st.sampled_from(ACTIVATIONS), COUNTS),
    st.builds(Dropout, st.floats(0, 1, exclude_min=True, exclude_max=True)),
    st.builds(Plain, st.sampled_from([one for one in PLAIN if one != "SOFTMAX"])),
    st.builds(Reference, st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,31}", fullmatch=True)),
)


def _joins(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    branch = st.lists(inner, min_size=1, max_size=3).map(tuple)
    join = st.builds(Join, st.lists(branch, min_size=2, max_size=3).map(tuple), st.sampled_from(JOINTS))
    return join | st.builds(Named, st.just("n"), join | WORDS)


STEPS: st.SearchStrategy[Step] = st.recursive(WORDS, _joins, max_leaves=8)
LIMITS = TextLimits(bytes=1_000_000, levels=100, layers=10_000)


@pytest.mark.parametrize("count", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_any_architecture_is_written_and_read_as_the_same(count: int) -> None:
    @settings(max_examples=count, deadline=None)
    @given(st.lists(STEPS, max_size=5), st.none() | st.floats(0.01, 0.99))
    def same(steps: list[Step], dropout: float | None) -> None:
        architecture = Architecture((*steps, Plain("SOFTMAX")), dropout)
        assert parse(str(architecture), LIMITS) == architecture

    same()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["CONV:3X3:1X1:SAME", "Add", "op"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["ops", "op", "name", "x"]), inner),
)


@given(st.text(max_size=60) | JSON.map(json.dumps))
def test_any_other_text_is_refused_and_nothing_else_happens(text: str) -> None:
    try:
        assert str(parse(text))
    except ArchitectureError as error:
        assert str(error) and str(error).isprintable()


REFUSED = {
    '["CONV:7X7:2X2:SAMB","SOFTMAX"]': 'step 1, "CONV:7X7:2X2:SAMB": the padding "SAMB" is unknown; did you mean SAME?',
    '["AVBRAGB_POOLING:7X7:1X1:VALID","SOFTMAX"]': "did you mean AVERAGE_POOLING?",
    '[[["IDENTITY","IDENTITY"],"DepthContact"],"SOFTMAX"]': 'by "DepthContact"; did you mean DepthConcat?',
    '["CONV:7:2X2:SAME","SOFTMAX"]': '"7" is no size; write it like 3X3',
    '["CONV:100X3:1X1:SAME","SOFTMAX"]': '"100X3" is no size',
    '["CONV:0X3:1X1:SAME","SOFTMAX"]': '"0X3" is no size',
    '["CONV:3X3","SOFTMAX"]': "a CONV needs size, step and padding, as in CONV:3X3:1X1:SAME",
    '["CONV:3X3:1X1:SAME:64:RELUU","SOFTMAX"]': '"RELUU" is unknown; did you mean RELU?',
    '["CONV:3X3:1X1:SAME:64:65","SOFTMAX"]': '"65" is one too many',
    '["CONV:3X3:1X1:SAME:0","SOFTMAX"]': "from 1 to 4096",
    '["CONV:3X3:1X1:SAME:99999999999","SOFTMAX"]': "from 1 to 4096",
    '["CONV:3X3:1X1:SAME:٣","SOFTMAX"]': "BN, RELU, LINEAR, TANH, and a number of filters from 1 to 4096",
    '["CONV:3X3:1X1:SAME:-1","SOFTMAX"]': "and a number of filters from 1 to 4096",
    '["FC:1.5","SOFTMAX"]': 'the setting "1.5" is unknown; known are RELU, LINEAR, TANH, and a number of units from 1',
    '["SEP_CONV:3X3:2X1:SAME","SOFTMAX"]': "must be equal; write 2X2",
    '["DEPTHWISE_CONV:3X3:1X1:SAME:8","SOFTMAX"]': "keeps the number of maps; leave out 8",
    '["MAX_POOLING:3X3:1X1:SAME:8","SOFTMAX"]': 'leave out "8"',
    '["FC:RELU:8:8","SOFTMAX"]': "write it like FC:RELU:128",
    '["DROPOUT","SOFTMAX"]': "as in DROPOUT:0.5",
    '["DROPOUT:1","SOFTMAX"]': '"1" is no share',
    '["DROPOUT:nan","SOFTMAX"]': '"NAN" is no share',
    '["DROPOUT:0.٣","SOFTMAX"]': "is no share",
    '["GAP","SOFTMAX"]': "did you mean GLOBAL_AVERAGE_POOLING?",
    '["Dense:64","SOFTMAX"]': "did you mean FC?",
    '[[["IDENTITY","IDENTITY"],"Sum"],"SOFTMAX"]': "did you mean Add?",
    '["FLATTEN:2","SOFTMAX"]': "FLATTEN takes no settings",
    '["DepthConcat","SOFTMAX"]': 'write [[branch, branch], "DepthConcat"]',
    '["@3","SOFTMAX"]': '"3" is no name',
    '["WHATEVER","SOFTMAX"]': "known are CONV, SEP_CONV",
    "[]": "at least one layer",
    '["RELU","CONV:3X3:1X1:SAME"]': 'step 2: the last step must be SOFTMAX; write "SOFTMAX" after this one',
    '["RELU",{"name":"a","op":"SOFTMAX"}]': "step 2: the last step must be SOFTMAX; leave out its name",
    '["SOFTMAX","SOFTMAX"]': "step 1: SOFTMAX ends the network; it may be its last step only",
    '["RELU",[[["RELU","SOFTMAX"],"RELU"],"Add"],"SOFTMAX"]': "step 2, branch 1, step 2: SOFTMAX ends the network",
    '[[["SOFTMAX","IDENTITY"],"Add"],"SOFTMAX"]': "its last step only",
    '[7,"SOFTMAX"]': 'step 1: "7" is no layer',
    "7": "an architecture is a list of layers",
    '[["IDENTITY"],"SOFTMAX"]': "a list is branches and how they are joined",
    '[[["IDENTITY"],"Add"],"SOFTMAX"]': "joins at least two branches",
    '[[["IDENTITY",[]],"Add"],"SOFTMAX"]': "step 1, branch 2: a branch has at least one layer",
    '[[["IDENTITY",["IDENTITY","CONV"]],"Add"],"SOFTMAX"]': 'step 1, branch 2, step 2, "CONV"',
    '[{"name":"a"},"SOFTMAX"]': "a named step is",
    '[{"name":"a b","op":"RELU"},"SOFTMAX"]': '"a b" is no name',
    '[{"name":1,"op":"RELU"},"SOFTMAX"]': '"1" is no name',
    '[{"name":null,"op":"RELU"},"SOFTMAX"]': 'step 1: "null" is no name; a name is a text, as in "a"',
    '[{"name":{"x":1},"op":"RELU"},"SOFTMAX"]': '"{"x": 1}" is no name',
    '[{"name":"a","op":{"name":"b","op":"RELU"}},"SOFTMAX"]': "a step has one name",
    '{"ops":"SOFTMAX"}': 'the value of "ops" is a list',
    '{"op":"SOFTMAX","regularisation":"Dropout"}': '"regularisation" is unknown; did you mean regularization?',
    '{"op":"SOFTMAX","hello":1}': "known are ops, op",
    '{"op":"SOFTMAX","coefficient":0.5}': "is missing",
    '{"op":"SOFTMAX","regularization":"L2"}': '"L2" is unknown',
    '{"op":"SOFTMAX","regularization":7}': "write",
    '{"op":"SOFTMAX","regularization":{"Dropout":true}}': '"true" is no share',
    '{"op":"SOFTMAX","regularization":{"Dropout":{"x":1}}}': '"{"x": 1}" is no share',
    '{"op":"SOFTMAX","regularization":{"Dropout":0.2},"coefficient":0.3}': "given twice; leave out the coefficient",
    '{"op":"SOFTMAX","regularization":"Dropout","regularization":"L2"}': 'the key "regularization" comes twice',
    '{"op":"SOFTMAX","regularization":"Dropout","coefficient":0.3,"coefficient":0.4}': '"coefficient" comes twice',
    '{"op":"SOFTMAX","regularization":"Dropout","coefficient":"x"}': '"x" is no share',
    '{"op":"SOFTMAX","regularization":{"Dropout":NaN}}': '"NaN" is no share',
    '["RELU",-Infinity,"SOFTMAX"]': 'step 2: "-Infinity" is no layer',
    '["CONV:3X3:1X1:SAME:64"."SOFTMAX"]': "line 1, column 24: this is no JSON (Expecting ',' delimiter); a comma",
    '["SOFTMAX",]': "; leave out the comma before the bracket",
    '{"ops":["SOFTMAX"],}': "leave out the comma before the bracket",
    "['SOFTMAX']": "write straight double quotes",
    '["RELU","SOFTMAX"': "a bracket or a quote is not closed",
    '["RELU","SOFTMAX': "a bracket or a quote is not closed",
    '["SOFTMAX"]]': "leave out what comes after the last bracket",
    "[" * 15_000: "too deep",
    "[" + "1" * 10_000 + "]": '"Infinity" is no layer',
    "[" + '"RELU",' * 3000 + '"SOFTMAX"]': "at most 20,000 bytes",
    "[" + '"RELU",' * 200 + '"SOFTMAX"]': "at most 200 layers",
    '[{"name":"a","op":"RELU"},' + '"@a",' * 199 + '"SOFTMAX"]': "at most 200 layers and references",
    "[" + '[["RELU",' * 5 + '"RELU"' + '],"Add"]' * 5 + ',"SOFTMAX"]': "at most 4 deep",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: str(text)[:40])
def test_what_is_wrong_is_named(text: str) -> None:
    with pytest.raises(ArchitectureError) as refused:
        parse(text)
    assert REFUSED[text] in str(refused.value)


def test_a_mark_before_the_text_says_nothing() -> None:
    assert parse('\ufeff["SOFTMAX"]') == parse('["SOFTMAX"]')


def test_a_name_may_have_a_blank_before_it() -> None:
    assert word("@ a") == Reference("a")


def test_dropout_without_a_coefficient_is_a_half() -> None:
    assert parse('{"op":"SOFTMAX","regularization":"dropout"}').dropout == 0.5
    assert parse('{"op":"SOFTMAX","regularization":{"Dropout":0.1}}').dropout == 0.1


def test_words_come_in_the_order_of_the_text() -> None:
    assert [str(one) for one in words_of(parse(CELL).steps)][2:6] == [
        "@a",
        "SEP_CONV:3X3:1X1:SAME:8:BN",
        "@b",
        "IDENTITY",
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_the_shared_good_texts_are_read_and_written_as_the_same() -> None:
    for one in json.loads((SHARED / "strings.json").read_text(encoding="utf-8"))["good"]:
        read = parse(one["text"])
        assert parse(str(read)) == read and len(read.steps) == one.get("steps", len(read.steps))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_the_shared_bad_texts_are_refused_with_what_to_write() -> None:
    for text, says in json.loads((SHARED / "strings.json").read_text(encoding="utf-8"))["bad"]:
        with pytest.raises(ArchitectureError) as refused:
            network(parse(text), Given(32, 10))
        assert [one for one in says if one not in str(refused.value)] == [], text
