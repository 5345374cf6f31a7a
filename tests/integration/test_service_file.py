"""service.pyz as whoever gets it meets it: alone in a folder, with a Python that has nothing else."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zeep
from PIL import Image

from infra.service import binary
from tests.unit.detection.marked_cells import TILED, bundle
from tests.unit.detection.marked_cells import photo as cells
from tests.unit.service.conftest import ABOUT, LABELS, photo
from vm_worker.exports.service import base
from vm_worker.exports.service.runtime.bundle import Bundle, add
from vm_worker.intake.images import FORMATS

pytestmark = pytest.mark.slow
HERE = sys.version_info[1]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def interpreter(minor: int) -> str | None:
    """A Python 3.minor which is not this environment's."""
    named = shutil.which(f"python3.{minor}")
    found = ["/usr/bin/python3", f"/usr/bin/python3.{minor}", named or ""]
    if named:  # pyenv's own command runs only those that are switched on
        found += map(str, Path(named).parents[1].glob(f"versions/3.{minor}.*/bin/python3.{minor}"))
    for name in filter(os.path.exists, found):
        probe = [name, "-c", "import sys; print(sys.version_info[1])"]
        said = subprocess.run(probe, capture_output=True, text=True, check=False).stdout
        if not name.startswith(sys.prefix) and said.strip() == str(minor):
            return name
    return None


@pytest.fixture
def alone(tmp_path: Path, tflite: bytes) -> Path:
    """The only file of its folder."""
    folder = tmp_path / "alone"
    folder.mkdir()
    return add(base.base(), Bundle(tflite, LABELS, ABOUT), folder / "service.pyz")


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[str]:
    """Its address, while it runs with no environment but a folder to unpack to."""
    where = {"SHIV_ROOT": str(folder / "unpacked"), "TMPDIR": str(folder)}
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, cwd=folder, env=where, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert found, said
            yield found[0]
        finally:
            process.terminate()
            process.wait(30)


def asked(address: str, path: str, data: bytes | None = None, kind: str = "image/png") -> Any:
    headers = {"Content-Type": kind} if data else {}
    request = urllib.request.Request(f"{address}{path}", data, headers)  # noqa: S310 (our own address)
    with OPENER.open(request, timeout=60) as answer:
        return json.load(answer)


def check(address: str) -> None:
    """Both protocols, on the wire."""
    assert asked(address, "/labels") == {"labels": list(LABELS)}
    assert asked(address, "/model")["title"] == "Small"
    assert asked(address, "/predict", photo(5))["predictions"][0]["label"] == "dark"
    with OPENER.open(f"{address}/", timeout=60) as page:
        assert b"<script" in page.read()
    with zeep.Client(f"{address}/soap?wsdl") as client:
        assert client.service.Predict(image=photo(250)).label == LABELS[1]


def test_the_system_python_alone_runs_it(alone: Path) -> None:
    python = interpreter(HERE)
    if python is None:
        pytest.skip(f"no other Python 3.{HERE} here")
    with running([python, "-I", "-S", str(alone)], alone.parent) as address:
        check(address)


def test_a_detector_needs_nothing_more(alone: Path) -> None:
    """Everything that finds boxes is packed, and no library of this environment is reached."""
    python = interpreter(HERE)
    if python is None:
        pytest.skip(f"no other Python 3.{HERE} here")
    service = add(base.base(), bundle(TILED), alone)
    with running([python, "-I", "-S", str(service)], alone.parent) as address:
        large = cells([("red", 56, 56), ("red", 104, 16)], 120, 120)
        assert asked(address, "/predict", large)["predictions"][0]["counts"] == {"blue <&>": 0, "red": 2}
        two = json.dumps({"images": [base64.b64encode(large).decode()] * 2}).encode()
        together = asked(address, "/predict", two, "application/json")["together"]
        assert together["count"] == 4 and together["interval"]["low"] <= 4 <= together["interval"]["high"]
        with zeep.Client(f"{address}/soap?wsdl") as client:
            assert client.service.Count(image=large).count == 2
        request = urllib.request.Request(f"{address}/predict?annotated=1", large)  # noqa: S310 (our own address)
        with OPENER.open(request, timeout=60) as answer:
            assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("kind", FORMATS)
def test_it_reads_every_format_with_what_is_packed(alone: Path, kind: str) -> None:
    """Libraries that no picture of these needs are left out of the file."""
    with running([sys.executable, "-I", str(alone)], alone.parent) as address:
        for mode in ("RGB", "L") if kind in ("JPEG", "WEBP") else ("RGB", "L", "P"):
            picture = io.BytesIO()
            Image.new("L", (40, 30), 250).convert(mode).save(picture, kind)
            assert asked(address, "/predict", picture.getvalue())["predictions"][0]["label"] == LABELS[1]


def test_it_is_small_and_runs_as_a_program(alone: Path) -> None:
    assert alone.stat().st_size < 60e6
    assert os.access(alone, os.X_OK) and alone.read_bytes().startswith(b"#!/usr/bin/env python")


def test_it_prints_its_dockerfile(alone: Path) -> None:
    env = {"SHIV_ROOT": str(alone.parent / "unpacked")}
    done = subprocess.run(
        [sys.executable, "-I", str(alone), "--dockerfile"], capture_output=True, text=True, env=env, check=True
    )
    assert f"\nARG PYTHON=3.{HERE}\n" in done.stdout and "\nCOPY --chmod=555 service.pyz " in done.stdout
    command = done.stdout.rsplit("ENTRYPOINT ", 1)[1]
    assert json.loads(command) == ["python", "/service.pyz", "--host", "0.0.0.0", "--port", "8080"]  # noqa: S104


@pytest.mark.parametrize("minor", [10, 12, 13])
def test_another_python_says_so_clearly(alone: Path, minor: int) -> None:
    python = interpreter(minor) if minor != HERE else None
    if python is None:
        pytest.skip(f"no Python 3.{minor} here")
    env = {"SHIV_ROOT": str(alone.parent / "unpacked")}
    done = subprocess.run([python, str(alone)], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 2
    assert re.search(rf"made for \w+ on \w+ with Python 3\.{HERE}; this is .* Python 3\.{minor}\.", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_taken_port_and_a_file_without_a_model_are_said_in_a_line(alone: Path, tmp_path: Path) -> None:
    env = {"SHIV_ROOT": str(tmp_path / "unpacked")}
    with running([sys.executable, "-I", str(alone)], tmp_path) as address:
        port = address.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, "-I", str(alone), "--port", port], capture_output=True, text=True, env=env
        )
        assert done.returncode != 0 and "Traceback" not in done.stderr and "in use" in done.stderr
    empty = tmp_path / "empty.pyz"
    shutil.copy(base.base(), empty)
    done = subprocess.run([sys.executable, "-I", str(empty)], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (2, "empty.pyz holds no model\n")


@pytest.mark.timeout(900)  # PyInstaller reads every library's machine code
@pytest.mark.skipif(importlib.util.find_spec("PyInstaller") is None, reason="PyInstaller is not installed")
def test_a_binary_needs_no_python(alone: Path, tmp_path: Path) -> None:
    program = tmp_path / "program" / "service"
    program.parent.mkdir()
    assert binary.main([str(alone), "--out", str(program)]) == 0
    with running([str(program)], program.parent) as address:
        check(address)
