"""The verdict that `modelmail check` prints, for programs and for people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from infra.cli.check import check
from jobs.errors import CODES
from jobs.limits import Limits
from jobs.options import Options
from tests.unit.intake.crafted import class_files, folder_of, two_classes, zip_of
from vm_worker.intake.dataset import Skipped
from vm_worker.intake.pool import Decoders
from vm_worker.intake.verdict import Verdict
from vm_worker.tasks.uploads import verdict

LIMITS = Limits()


def test_verdict_of_nothing_at_all(tmp_path: Path, decoders: Decoders) -> None:
    for path, why in ((tmp_path / "nothing.zip", "No such file or directory"), (Path("a\0b"), "embedded null byte")):
        assert verdict(path, LIMITS, decoders) == Verdict(
            "rejected", "not_a_zip", f"The file cannot be opened: {why}.", (), "photos", (), ()
        )
    assert verdict(tmp_path / "nothing.zip", LIMITS).code == "not_a_zip"  # without processes to decode


def test_a_verdict_tells_what_was_found_until_then(tmp_path: Path, decoders: Decoders) -> None:
    files = two_classes() | {"cats/a.txt": b"x", "dogs/b.jpg": b"x"}
    good = verdict(zip_of(files, tmp_path / "good.zip"), LIMITS, decoders)
    assert good.accepted and good.code is None and good.unit == "photos"
    assert good.message == " ".join(["24 photos in 2 classes.", *good.warnings])
    assert good.warnings[0].startswith("Fewer than 50 photos in a class")
    assert good.classes == (("cats", 12), ("dogs", 12))
    assert [skip.name for skip in good.skipped] == ["dogs/b.jpg", "cats/a.txt"]  # broken photos first
    files |= {f"dogs/{number:03}.jpeg": b"x" for number in range(3)}
    bad = verdict(zip_of(files, tmp_path / "bad.zip"), LIMITS, decoders)
    assert (bad.verdict, bad.code, bad.accepted, bad.warnings) == ("rejected", "class_too_small", False, ())
    assert (
        bad.message
        == '"dogs" has 9; each class needs at least 10 photos that can be read. ' + CODES[str(bad.code)].advice
    )
    assert bad.classes == (("cats", 12), ("dogs", 9))
    assert [skip.name for skip in bad.skipped][-1] == "cats/a.txt" and len(bad.skipped) == 5
    early = verdict(zip_of(files, tmp_path / "bad.zip"), replace(LIMITS, intake_minutes=-1), decoders)
    assert (early.code, early.classes) == ("too_large_zip", (("cats", 12), ("dogs", 13)))
    assert [skip.name for skip in early.skipped] == ["cats/a.txt"]


def test_verdict_of_an_empty_folder(tmp_path: Path, decoders: Decoders) -> None:
    assert verdict(tmp_path, LIMITS, decoders).code == "empty_zip"


SAMB = '["CONV:3X3:1X1:SAMB", "SOFTMAX"]'
HEAVY = '["CONV:1X1:1X1:SAME:4096", "RELU", "SOFTMAX"]'  # 4 GB for a batch, forwards and back
WIDE = '["FC:RELU:4096", "FC:RELU:4096", "FC:RELU:4096", "FC:RELU:4096", "SOFTMAX"]'
LARGE = '["CONV:1X1:1X1:SAME:4", "MAX_POOLING:{side}X{side}:1X1:VALID", "SOFTMAX"]'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("architecture.json", SAMB, "did you mean SAME? Correct its text as the message says."),
        ("photos/Architecture.JSON", SAMB, "did you mean SAME?"),
        (
            "architecture.json",
            LARGE.format(side=65),
            "At 64 x 64 pixels, to which a job brings the photos: step 2",
        ),
        ("architecture.json", HEAVY, "the network has more than 5,000,000 values there; take fewer filters"),
        ("architecture.json", WIDE, "more than 50,000,000 parameters"),
        ("architecture.json", " " * 20_001, "at most 20,000 bytes"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(
    name: str, text: str, said: str, tmp_path: Path, decoders: Decoders
) -> None:
    path = zip_of(two_classes() | {name: text.encode()}, tmp_path / "a.zip")
    found = verdict(path, LIMITS, decoders)
    assert (found.verdict, found.code) == ("rejected", "bad_architecture") and said in found.message
    assert found.message.startswith("architecture.json: ")
    assert verdict(path, LIMITS, decoders, Options(architecture='["SOFTMAX"]')).accepted  # the file does not count


def test_a_network_of_ones_own_is_no_file_that_is_left_out(tmp_path: Path, decoders: Decoders) -> None:
    files = two_classes() | {"architecture.json": LARGE.format(side=64).encode("utf-16")}
    found = verdict(zip_of(files | {"cats/sub/architecture.json": b"x"}, tmp_path / "a.zip"), LIMITS, decoders)
    assert found.accepted and [skip.name for skip in found.skipped] == ["cats/sub/architecture.json"]


@pytest.mark.parametrize("name", [".", "./."])
def test_a_file_without_a_name_changes_nothing(name: str, tmp_path: Path, decoders: Decoders) -> None:
    found = verdict(zip_of(two_classes() | {name: b"x"}, tmp_path / "a.zip"), LIMITS, decoders)
    assert found.accepted and found.message.startswith("24 photos in 2 classes")


def _run_check(
    paths: list[Path], as_json: bool, capsys: pytest.CaptureFixture[str], classes: str = ""
) -> tuple[int, list[str]]:
    with pytest.raises(typer.Exit) as ended:
        check(paths, as_json, classes)
    return ended.value.exit_code, capsys.readouterr().out.splitlines()


def test_check_prints_one_line_of_json_a_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = zip_of(two_classes() | {"cats/notes.txt": b"x"}, tmp_path / "good.zip")
    status, lines = _run_check([good, tmp_path / "none.zip"], True, capsys)
    assert status == 1
    first, second = map(json.loads, lines)
    assert list(first) == ["path", "verdict", "code", "message", "classes", "skipped"]
    assert first["path"] == str(good)
    assert (first["verdict"], first["code"]) == ("accepted", None)
    assert first["classes"] == {"cats": 12, "dogs": 12}
    assert first["skipped"] == [{"name": "cats/notes.txt", "reason": "is not a photo"}]
    assert (second["verdict"], second["code"]) == ("rejected", "not_found")
    assert _run_check([good], True, capsys)[0] == 0


def test_check_takes_the_option_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = class_files({"anna/ok": 12, "anna/broken": 12, "ben/ok": 12, "ben/broken": 12})
    path = zip_of(files, tmp_path / "a.zip")
    assert json.loads(_run_check([path], True, capsys)[1][0])["code"] == "ambiguous_folders"
    classes = json.loads(_run_check([path], True, capsys, "inner")[1][0])["classes"]
    assert classes == {"broken": 24, "ok": 24}
    status, lines = _run_check([path], True, capsys, "middle")
    assert (status, lines) == (2, [])


def test_check_speaks_to_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = two_classes() | {f"cats/{n}.txt": b"x" for n in range(25)}
    _, lines = _run_check([zip_of(files, tmp_path / "a.zip"), tmp_path / "b\u202e.zip"], False, capsys)
    assert lines[0].endswith("a.zip: accepted")
    assert "  cats: 12 photos" in lines
    assert "  ... and 5 more" in lines
    assert lines[-2].endswith("b\ufffd.zip: rejected (not_found)")


def test_many_zips_are_checked_by_one_decoding_process(tmp_path: Path) -> None:
    paths = [zip_of(two_classes(), tmp_path / f"{n}.zip") for n in range(5)]
    with Decoders(1) as pool:
        processes = set()
        for path in paths:
            assert verdict(path, LIMITS, pool).accepted
            processes |= {process._process.pid for process in pool._processes}
    assert len(processes) == 1


def test_limits_can_be_set(tmp_path: Path) -> None:
    path = zip_of(class_files({"a": 12, "b": 12, "c": 12}), tmp_path / "a.zip")
    assert verdict(path, replace(LIMITS, classes_max=2)).code == "too_many_classes"
    assert verdict(path, replace(LIMITS, class_images_min=13)).code == "class_too_small"


def test_links_of_a_folder_are_named_and_left(tmp_path: Path) -> None:
    folder = folder_of(two_classes(), tmp_path / "photos")
    (tmp_path / "secret.jpg").write_bytes(next(iter(two_classes().values())))
    (folder / "cats/holiday.jpg").symlink_to("../../secret.jpg")
    (folder / "birds").symlink_to("cats")
    said = verdict(folder, Limits())
    assert said.accepted and dict(said.classes) == {"cats": 12, "dogs": 12}
    assert said.skipped == (Skipped("birds", "is a link"), Skipped("cats/holiday.jpg", "is a link"))
