"""Plans are read as they are meant, and a wrong one is refused with the file, the key and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vm_worker.staged.fields import PlanError
from vm_worker.staged.plan import DEFAULT_EPOCHS, Stage, Training, read

GOOD = """
network = "alexnet_48"
repeats = 2
[[stages]]
dataset = "one"
epochs = 3
[[stages]]
name = "second"
dataset = "two"
minutes = 0.5
frozen = ["conv1", 2]
"""


def _plan(folder: Path, text: str) -> Path:
    for name in ("one", "two"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_is_read_with_its_defaults(tmp_path: Path) -> None:
    plan = read(_plan(tmp_path, GOOD))
    assert (plan.title, plan.size, plan.seed, plan.repeats, plan.scratch) == ("plan", 48, 0, 2, True)
    assert plan.training == Training(batch=32, rate=0.001, patience=5)
    assert plan.stages == (
        Stage("one", tmp_path / "one", 3, None, (), None, True),
        Stage("second", tmp_path / "two", 10_000, 0.5, ("conv1", 2), None, True),
    )


def test_a_stage_names_its_network_once(tmp_path: Path) -> None:
    text = '[[stages]]\ndataset = "one"\nnetwork = "efficientnet_lite0"\nfrozen = "all"\n[[stages]]\ndataset = "two"\n'
    plan = read(_plan(tmp_path, text))
    assert (plan.network, plan.size) == ("efficientnet_lite0", 224)
    assert (plan.stages[0].frozen_to, plan.stages[0].epochs) == ("all", DEFAULT_EPOCHS)


@pytest.mark.parametrize("name", ["staged-fruit.toml", "staged-imagenet.toml"])
def test_the_plans_that_come_along_are_good(name: str) -> None:
    root = Path(__file__).parents[3]
    if not (root.parent / "shared" / "datasets" / "fruits3.zip").exists():
        pytest.skip("the photos are not on this machine")
    plan = read(root / name)
    assert plan.scratch and plan.stages[-1].dataset.name == "fruits3.zip"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # unknown keys, with what was meant
        ("repeats = 2", "repeat = 2", "plan.toml: repeat: there is no such key here. Did you mean repeats?"),
        ("epochs = 3", "epoch = 3", "stage 1: epoch: there is no such key here. Did you mean epochs?"),
        ("repeats = 2", "[training]\nrates = 1", "training: rates: there is no such key here. Did you mean rate?"),
        ("repeats = 2", "[training]\nzzz = 1", "zzz: there is no such key here. Known: batch, rate, patience."),
        ("[[stages]]", "[[stage]]", "stage: there is no such key here. Did you mean stages?"),
        ('dataset = "two"', 'dataset_ = "two"', "stage 2: dataset: it is missing. Is it written as dataset_?"),
        # odd types
        ("repeats = 2", 'repeats = "2"', "repeats: '2' is a text. Write a whole number from 1 to 100."),
        ("repeats = 2", "repeats = 0", "repeats: 0 is out of bounds. Write a whole number from 1 to 100."),
        ("repeats = 2", "repeats = true", "repeats: True is true or false. Write a whole number"),
        ("repeats = 2", "scratch = 1", "scratch: 1 is a whole number. Write true or false, without"),
        ("repeats = 2", "seed = 1979-05-27", "is a date or time. Write a whole number"),
        ("repeats = 2", "title = 7", "title: 7 is a whole number. Write a text in quotation marks."),
        ("repeats = 2", 'title = ""', "title: '' is empty. Write a text"),
        ("repeats = 2", "training = 1", "training: write it as a table, under the line [training]."),
        ("repeats = 2", "stages = 1\n[x]", "TOML"),
        ("minutes = 0.5", "minutes = nan", "minutes: nan is out of bounds. Write a number above 0, up to 10,080."),
        ("minutes = 0.5", "minutes = inf", "minutes: inf is out of bounds."),
        ("minutes = 0.5", f"minutes = {'9' * 400}", f"minutes: {'9' * 18}...{'9' * 19} is out of bounds."),
        ("repeats = 2", f"repeats = {'9' * 5000}", "plan.toml is no plan: a number in it is too long, or it is nested"),
        ("repeats = 2", "repeats = " + "[" * 5000, "plan.toml is no plan: a number in it is too long, or it is nested"),
        ("minutes = 0.5", "minutes" + ".a" * 2000 + " = 1", "is a table. Write a number above 0"),
        ("minutes = 0.5", "minutes = 0", "minutes: 0 is out of bounds."),
        ("minutes = 0.5", "minutes = [1]", "minutes: [1] is a list. Write a number above 0"),
        ('frozen = ["conv1", 2]', "frozen = true", "stage 2: frozen: write a list of layers by name or number"),
        ('frozen = ["conv1", 2]', "frozen = [1.5]", "stage 2: frozen: write a list of layers by name or number"),
        # what does not go together
        ("minutes = 0.5", "minutes = 1\nepochs = 2", "minutes: epochs are given, too. Give one of the two."),
        ("epochs = 3", "epochs = 3\nfrozen = [1]", "stage 1: frozen: alexnet_48 begins with random weights"),
        ("epochs = 3", "new_head = false", "stage 1: new_head: the first stage has no earlier head to keep."),
        ("epochs = 3", 'network = "vgg16"', "stage 1: network: vgg16 cannot follow alexnet_48 of the plan"),
        ("repeats = 2", "size = 64", "size: alexnet_48 is made for 48 pixels. Leave the key out."),
        # what is not there
        ('dataset = "two"', 'dataset = "three.zip"', "stage 2: dataset: there is no"),
        ('dataset = "two"', f'dataset = "{"x" * 300}"', "cannot be read: File name too long."),
        ('dataset = "two"', 'dataset = "\\u0000"', "stage 2: dataset: there is no"),
        ('dataset = "two"', 'dataset = " "', "stage 2: dataset: ' ' is empty. Write a text in quotation marks."),
        ('dataset = "two"', 'dataset = "/dev/zero"', "/dev/zero is neither a file nor a folder. Give a zip or folder."),
        ('dataset = "two"\n', "", "stage 2: dataset: it is missing."),
        ('"alexnet_48"', '"alexnet48"', "network: there is no network alexnet48. Did you mean alexnet_48?"),
        ('network = "alexnet_48"', "", "stage 1: network: it is missing. Write one of: alexnet_48, vgg16"),
        ("[[stages]]", "[[stages", "is no valid TOML: "),
    ],
)
def test_a_wrong_plan_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = _plan(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(PlanError, match=re.escape(said)) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_a_message_stays_short_whatever_a_plan_holds(tmp_path: Path) -> None:
    for text in (GOOD + f"{'k' * 90_000} = 1\n", GOOD.replace("alexnet_48", "n" * 90_000)):
        with pytest.raises(PlanError) as caught:
            read(_plan(tmp_path, text))
        assert len(str(caught.value)) < len(str(tmp_path)) + 900 and "Known: " in str(caught.value)


def test_a_heading_is_one_short_line_without_control_characters(tmp_path: Path) -> None:
    odd = '"a\\u001b[31m\\nb' + "c" * 900 + '"'
    plan = read(_plan(tmp_path, GOOD.replace('"second"', odd).replace("repeats = 2", f"title = {odd}")))
    assert plan.title == plan.stages[1].name and plan.title.isprintable() and len(plan.title) == 80


def test_the_mark_that_windows_puts_before_a_text_is_no_mistake(tmp_path: Path) -> None:
    path = _plan(tmp_path, GOOD)
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert len(read(path).stages) == 2


def test_a_later_network_cannot_follow_another(tmp_path: Path) -> None:
    path = _plan(tmp_path, GOOD.replace('name = "second"', 'network = "vgg16"'))
    with pytest.raises(PlanError, match="stage 2: network: vgg16 cannot follow alexnet_48 of stage 1"):
        read(path)


@pytest.mark.parametrize(("stages", "said"), [("[]", "there are 0"), ("[1]", "a table of its own"), ("7", "a table")])
def test_stages_are_tables(tmp_path: Path, stages: str, said: str) -> None:
    with pytest.raises(PlanError, match=f"stages: .*{said}"):
        read(_plan(tmp_path, f'network = "alexnet_48"\nstages = {stages}\n'))


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"title = 'Fr\xfcchte'")
    (tmp_path / "large").write_bytes(b"#" * 1_000_001)
    for name, said in {
        "nowhere": "There is no",
        ".": "is a folder",
        "latin": "is no text in UTF-8",
        "large": "larger than 1 MB",
    }.items():
        with pytest.raises(PlanError, match=said):
            read(tmp_path / name)
