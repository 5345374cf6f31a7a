"""What strangers may ask for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options, minutes_for, parse_options
from jobs.tasks import TASKS

GOOD: list[tuple[dict[str, Any], str, Any]] = [
    ({}, "minutes", 60),
    ({"minutes": 2}, "minutes", 2),
    ({"minutes": "240"}, "minutes", 240),  # forms and queries send text
    ({"objective": "small"}, "objective", "small"),
    ({"candidates": ["vgg16", "vgg16"]}, "candidates", ("vgg16",)),
    ({"candidates": "mobilenet, xception"}, "candidates", ("mobilenet", "xception")),
    ({"exports": "keras"}, "exports", ("h5", "keras")),  # h5 is always made
    ({"mirror": "false"}, "mirror", False),
    ({"mirror": True}, "mirror", True),
    ({"from_scratch": "true"}, "from_scratch", True),
    ({"trials": "none"}, "trials", None),
    ({"trials": None}, "trials", None),
    ({"trials": "4"}, "trials", 4),
    ({"trials": 0}, "trials", 0),
    ({"trials": 1000}, "trials", 1000),
    ({"epochs": 1}, "epochs", 1),
    ({"epochs": 40}, "epochs", 40),
    ({"seed": 7}, "seed", 7),
    ({"seed": 0}, "seed", 0),
    ({"seed": "2147483647"}, "seed", 2147483647),
    ({"seed": "0" * 11 + "5"}, "seed", 5),
    ({"exports": "service"}, "exports", ("h5", "tflite", "service")),  # which it is made from
    ({"start_mail": "True"}, "start_mail", True),
    ({"designs": 4, "design": "random"}, "designs", 4),
    ({"designs": 1000, "design": "random"}, "designs", 1000),
    ({"designs": None}, "designs", None),
    ({"architecture": None}, "architecture", None),
    ({"architecture": f'["{"x" * 19_996}"]'}, "architecture", f'["{"x" * 19_996}"]'),
    ({"architecture": {"ops": ["SOFTMAX"]}}, "architecture", '{"ops": ["SOFTMAX"]}'),
    ({"architecture": '\ufeff["SOFTMAX"]'}, "architecture", '\ufeff["SOFTMAX"]'),
    ({"architecture": '{"op": "RELU", "op": "SOFTMAX"}'}, "architecture", '{"op": "RELU", "op": "SOFTMAX"}'),
    ({}, "task", ""),
    ({"task": ""}, "task", ""),  # as a form sends it
    ({"task": "classification"}, "task", "classification"),
    ({"classes": ""}, "classes", ""),
    ({"classes": "inner"}, "classes", "inner"),
    ({}, "goal", None),
    ({"goal": "none"}, "goal", None),
    ({"goal": "0.95"}, "goal", 0.95),
    ({"goal": 0.9}, "goal", 0.9),
    ({"goal": 0.1 + 0.2}, "goal", 0.1 + 0.2),  # as a program's sum is written
    ({"goal": 1}, "goal", 1.0),
    ({}, "base", ()),
    ({"base": " a link "}, "base", ("a link",)),
    ({"base": "a link\r\n\n b link\na link\n"}, "base", ("a link", "b link")),  # as the page sends several
    ({"base": ["a link", " b link", "a link"]}, "base", ("a link", "b link")),
    ({"base": ["1", "2", "3", "4"]}, "base", ("1", "2", "3", "4")),
    ({"base": ""}, "base", ()),
    ({"base": []}, "base", ()),
    ({"base": None}, "base", ()),
    ({"keep_photos": "true"}, "keep_photos", True),
    ({"add": True, "base": "a link"}, "add", True),
]


@pytest.mark.parametrize(("given", "name", "expected"), GOOD)
def test_good_options(given: dict[str, Any], name: str, expected: Any) -> None:
    assert getattr(parse_options(given, Limits()), name) == expected


BAD: list[dict[str, Any]] = [
    {"colour": "blue"},
    {"minutes": 1},
    {"minutes": 241},
    {"minutes": True},
    {"minutes": "٣٠"},  # digits, but not ours
    {"minutes": "9" * 5000},  # must not be turned into a number first
    {"minutes": [2]},
    {"objective": "best"},
    {"objective": ["accuracy"]},
    {"candidates": []},
    {"candidates": 3},
    {"candidates": ["vgg16", "resnet"]},
    {"candidates": [["vgg16"]]},
    {"search": "magic"},
    {"epochs": 41},
    {"epochs": 0},
    {"exports": "exe"},
    {"mirror": "yes"},
    {"from_scratch": "1"},
    {"seed": -1},
    {"seed": 2**31},
    {"seed": "0" * 13},
    {"trials": 1001},
    {"trials": "many"},
    {"task": "detective work"},
    {"task": None},
    {"from_scratch": True, "task": "detection"},
    {"task": ["classification"]},
    {"classes": "both"},
    {"goal": 0},
    {"goal": "0.0"},
    {"goal": 1.1},
    {"goal": "95"},
    {"goal": True},
    {"goal": "nan"},
    {"goal": "1e-1"},
    {"goal": 0.9, "task": "detection"},
    {"base": [["a link"]]},
    {"base": {"a link": 1}},
    {"base": 3},
    {"base": ["1", "2", "3", "4", "5"]},
    {"add": True, "base": ["a link", "b link"]},
    {"keep_photos": "yes"},
    {"add": True},
    {"design": "luck"},
    {"design": None},
    {"design": "controller", "task": "detection"},
    {"designs": 3},
    {"designs": 1001},
    {"designs": "many"},
    {"designs": 40},  # without design
    {"designs": 40, "design": "none"},
    {"architecture": {"op": "CONV:3X3:1X1:SAME"}},
    {"architecture": 3},
    {"architecture": f'["{"x" * 19_997}"]'},
    {"architecture": "network.json"},
    {"architecture": "7"},
    {"architecture": '["SOFTMAX",]'},
    {"architecture": "[" * 15_000},
    {"architecture": ["SOFTMAX"], "task": "detection"},
]


def test_a_long_value_is_told_by_its_beginning() -> None:
    for length, told in ((40, "x" * 40), (41, "x" * 40 + "...")):
        with pytest.raises(UserError, match=f", not '{re.escape(told)}'"):
            parse_options({"minutes": "x" * length}, Limits())


@pytest.mark.parametrize("given", BAD)
def test_bad_options_are_named(given: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        parse_options(given, Limits())
    assert caught.value.code == "bad_option"
    assert next(iter(given)) in caught.value.message
    assert len(caught.value.message) < 400


def test_many_photos_get_more_minutes() -> None:
    for photos, minutes in ((0, 2), (399, 2), (400, 3), (800, 4), (95_199, 239), (1_000_000, 240)):
        assert minutes_for(photos, Limits()) == minutes
    for photos, minutes in ((0, 60), (800, 62), (1_000_000, 240)):
        assert minutes_for(photos, Limits(), design=True) == minutes
    assert minutes_for(0, Limits(minutes_max=30), design=True) == 30


def test_the_defaults_are_within_the_limits() -> None:
    assert parse_options({}, Limits()) == Options()
    assert parse_options({}, Limits(minutes_default=7)).minutes == 7


def test_options_survive_json() -> None:
    options = Options(minutes=3, candidates=("vgg16",), trials=2, task="classification")
    assert Options.from_json(json.loads(json.dumps(options.to_json()))) == options


def test_an_older_or_newer_programs_options_can_be_read() -> None:
    older = Options(minutes=3).to_json()
    assert not {"task", "classes", "goal"} & older.keys()  # the version before refuses what it does not know
    assert Options.from_json(older) == Options(minutes=3)
    assert Options.from_json({**older, "colour": "blue"}) == Options(minutes=3)


def test_each_task_has_its_row() -> None:
    assert {name: row.name for name, row in TASKS.items()} == {name: name for name in TASKS}
    assert all(row.title and row.package.startswith("vm_worker.tasks.") for row in TASKS.values())


def test_a_design_implies_the_small_networks_and_none_says_nothing() -> None:
    options = parse_options({"design": "evolution", "designs": "40"}, Limits())
    assert (options.design, options.designs, options.small_networks, options.from_scratch) == (
        "evolution",
        40,
        True,
        False,
    )
    for nothing in ({"design": "none"}, {"design": ""}, {"designs": "none", "architecture": ""}):
        assert parse_options(nothing, Limits()) == parse_options({}, Limits())
    assert not {"design", "designs", "architecture"} & parse_options({}, Limits()).to_json().keys()


def test_a_network_is_taken_as_text_or_as_a_list() -> None:
    text = '["CONV:3X3:1X1:SAME", "SOFTMAX"]'
    assert parse_options({"architecture": f"  {text} "}, Limits()).architecture == text
    assert parse_options({"architecture": ["CONV:3X3:1X1:SAME", "SOFTMAX"]}, Limits()).architecture == text


def test_one_earlier_job_stands_alone_in_a_record_as_the_version_before_writes_it() -> None:
    for base, kept in (((), None), (("a" * 22,), "a" * 22), (("a" * 22, "b" * 22), ["a" * 22, "b" * 22])):
        plain = Options(base=base).to_json()
        assert plain.get("base") == kept
        assert Options.from_json(plain) == Options(base=base)
    assert Options.from_json({"base": None}) == Options.from_json({"base": ""}) == Options()
