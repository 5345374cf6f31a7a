"""`modelmail design` draws a text or a file, prints the whole text, and reads the text that a model keeps."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from tests.unit.designs.texts import CELL
from vm_worker.designs.grammar import parse
from vm_worker.designs.kept import keep


def call(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["design", *words])
    return done.exit_code, done.output


def test_a_text_is_drawn_and_printed_whole(tmp_path: Path) -> None:
    out = tmp_path / "network.svg"
    text = '["CONV:3X3:1X1:SAME", "SOFTMAX"]'
    code, said = call("show", text, "--pixels", "32", "--classes", "10", "--out", str(out))
    assert code == 0 and out.read_text(encoding="utf-8").startswith("<svg")
    assert "618 parameters, 442,528 multiply-adds" in said
    assert said.splitlines()[-1] == '{"ops": ["CONV:3X3:1X1:SAME:16", "SOFTMAX"]}'


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])  # as editors of Windows write them
def test_a_file_is_drawn(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "network.json"
    file.write_text(CELL, encoding=encoding)
    code, said = call("show", str(file), "--pixels", "16", "--classes", "3", "--out", str(tmp_path / "n.svg"))
    assert code == 0 and "n.svg" in said


@pytest.mark.slow
def test_a_network_is_measured(tmp_path: Path) -> None:
    text = '["CONV:3X3:1X1:SAME:8", "LocalRespNorm", "SOFTMAX"]'
    code, said = call("show", text, "--pixels", "16", "--measure", "--out", str(tmp_path / "n.svg"))
    assert code == 0 and "ms a photo on one core" in said
    assert len(said.splitlines()) == 5
    assert "ms a photo on one core" in (tmp_path / "n.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["CONV:3X3:1X1:SAMB", "SOFTMAX"]', "did you mean SAME?"),
        ("nothing.json", 'there is no file "nothing.json"'),
        ("x" * 5000, "there is no file"),
        ("", 'as in ["SOFTMAX"], and there is no file ""'),
        ("/", "/ is a folder"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, said: str) -> None:
    code, told = call("show", text, "--out", str(tmp_path / "n.svg"))
    assert code == 2 and said in told and not (tmp_path / "n.svg").exists()


def test_a_file_that_is_no_text_and_a_picture_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(bytes(range(256)) * 100)
    code, told = call("show", str(tmp_path / "junk"), "--out", str(tmp_path / "n.svg"))
    assert code == 2 and "has more than 20,000 bytes" in told
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    code, told = call("show", str(tmp_path / "model.h5"), "--out", str(tmp_path / "n.svg"))
    assert code == 2 and "is a model; modelmail design string prints" in told
    code, told = call("show", '["SOFTMAX"]', "--out", str(tmp_path / "no" / "n.svg"))
    assert code == 2 and "cannot be written" in told and "--out" in told


def test_the_text_of_a_model_is_printed(tmp_path: Path) -> None:
    model = tmp_path / "model.h5"
    with h5py.File(model, "w"):
        pass
    code, said = call("string", str(model))
    assert code == 2 and "keeps no architecture" in said
    keep(model, parse(CELL))
    assert call("string", str(model)) == (0, f"{parse(CELL)}\n")
