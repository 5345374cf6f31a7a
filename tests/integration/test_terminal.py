"""The command line says in a sentence what is missing or wrong, and where the running service is."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from function.client import Client
from infra.cli.main import app
from infra.cli.up import welcome
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from vm_worker.exports.service.runtime.serve import bound


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A service whose worker never comes."""
    with Stack(tmp_path_factory.mktemp("stack") / "modelmail-data", EPHEMERAL, worker=False) as running:
        yield running


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials for Google, and no look for the cloud's own."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def _modelmail(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_version_is_told() -> None:
    assert _modelmail("--version").output == f"modelmail {version('modelmail')}\n"


def test_a_path_that_is_not_there_is_not_called_a_zip(tmp_path: Path) -> None:
    told = _modelmail("check", tmp_path / "nope", "--json")
    assert told.exit_code == 1
    assert json.loads(told.output)["code"] == "not_found"
    assert "There is no file or folder of this name" in _modelmail("check", tmp_path / "nope").output


def test_an_address_without_a_scheme_is_told_with_one(tmp_path: Path) -> None:
    told = _modelmail("submit", tmp_path, "--email", "a@example.org", "--url", "localhost:8080")
    assert (told.exit_code, "http://localhost:8080" in told.output) == (2, True)


def test_jobs_are_those_of_the_service_that_runs_here(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(stack.function_url) as client:
        job_id = client.submit("ada@example.org", {}).job_id
    assert job_id[:8] in _modelmail("jobs", "--data", stack.data).output
    monkeypatch.chdir(stack.data.parent)
    listed = _modelmail("jobs", "list", "--json")
    assert json.loads(listed.output.splitlines()[-1])["jobs"][0]["job"] == job_id[:8]
    assert "The service that runs with modelmail-data" in listed.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["jobs"], "MODELMAIL_STORAGE_URL is not set"), (["jobs", "--data", "nowhere"], "no `modelmail up` runs with")],
)
def test_without_a_service_jobs_says_what_to_set(arguments: list[str], words: str, tmp_path: Path) -> None:
    told = _modelmail(*arguments)
    assert told.exit_code == 2
    assert words in told.output
    assert list(tmp_path.iterdir()) == []  # it looks, and makes nothing


def test_up_says_which_address_to_open(stack: Stack) -> None:
    assert f"Open this address in a browser and drop photos there:  {stack.function_url}\n" in welcome(stack)


def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cats\ndogs\n")
    (tmp_path / "model.pt").write_bytes(b"PK" * 100)
    told = _modelmail("predict", tmp_path / "model.pt", tmp_path)
    assert told.exit_code == 2
    assert told.output.startswith(f"{tmp_path / 'model.pt'} is no model. Give model.h5, model.keras, model.tflite")


@pytest.mark.parametrize("number", [0, 99_999])
def test_a_port_that_cannot_be_used_is_named(number: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = number or taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port} cannot be used \("):
            bound("127.0.0.1", port)
