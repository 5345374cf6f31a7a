"""`modelmail serve`: a job's folder, a file in it or a service.pyz by REST, and what it says of anything else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.cli import serve
from tests.unit.service.conftest import ABOUT, LABELS, photo
from vm_worker.exports.service.runtime.bundle import LABELS as LABELS_FILE
from vm_worker.exports.service.runtime.bundle import MODEL, Bundle, add

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def folder(tmp_path: Path, tflite: bytes) -> Path:
    """What a job leaves, as far as a service needs it."""
    (tmp_path / MODEL).write_bytes(tflite)
    (tmp_path / LABELS_FILE).write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")
    report = {"winner": {"title": "A small one"}, "test": {"accuracy": 0.9, "interval": [0.8, 0.95]}}
    (tmp_path / "report.json").write_text(json.dumps(report | {"licence": {"name": "Apache-2.0"}}), encoding="utf-8")
    return tmp_path


@contextmanager
def served(model: Path) -> Iterator[str]:
    """Its address until Ctrl-C, after which it ends in order."""
    command = [sys.executable, "-m", "infra.cli.main", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stderr
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), line + process.stderr.read()
            yield line.removeprefix("listening on ").strip()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130  # as shells say of Ctrl-C
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def asked(address: str, path: str, data: bytes | None = None) -> Any:
    request = urllib.request.Request(f"{address}{path}", data, {"Content-Type": "image/png"} if data else {})  # noqa: S310 (ours)
    with OPENER.open(request, timeout=60) as answer:
        return json.load(answer)


def test_a_jobs_folder_is_served_with_what_its_report_says(folder: Path) -> None:
    with served(folder) as address:
        assert asked(address, "/predict", photo(5))["predictions"][0]["label"] == LABELS[0]
        model = asked(address, "/model")
    assert (model["title"], model["accuracy"], model["licence"]) == ("A small one", 0.9, "Apache-2.0")


def test_so_are_a_file_of_it_without_a_report_and_a_service(folder: Path, tflite: bytes) -> None:
    (folder / "report.json").unlink()
    base = folder / "base.pyz"
    base.write_bytes(b"PK\x05\x06" + bytes(18))  # an empty zip: the libraries are this environment's
    service = add(base, Bundle(tflite, LABELS, ABOUT), folder / "service.pyz")
    for model, title in ((folder / MODEL, ""), (service, "Small")):
        with served(model) as address:
            assert asked(address, "/labels") == {"labels": list(LABELS)}
            assert asked(address, "/model")["title"] == title


def test_what_cannot_be_served_is_said_in_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(model: Path) -> str:
        assert serve.run(model, "127.0.0.1", 0) == 2
        return capsys.readouterr().out.replace("\n", "").replace(" ", "")  # it breaks lines, long paths too

    assert said(folder / "nowhere") == f"Thereisno{folder / 'nowhere'}."
    (folder / "empty.pyz").write_bytes(b"nothing")
    assert said(folder / "empty.pyz") == "empty.pyzholdsnomodel."
    (folder / MODEL).unlink()
    advice = 'A job makes it when its option "exports" names tflite.'
    assert said(folder) == f"thereisno{folder / MODEL}." + advice.replace(" ", "")
