"""The function's zip: what is in it, that it is the same each time, and that it serves on its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import venv
import zipfile
from pathlib import Path

import pytest
import requests

from infra import package
from infra.emulator.signatures.keys import ensure_key
from infra.local.ports import EPHEMERAL, reserved
from infra.local.stack import SERVICE_ACCOUNT, make_buckets
from jobs.settings import Settings
from tests.servers import running_emulator


def test_the_zip_holds_the_function_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(package.write(tmp_path / "new" / "function.zip")) as archive:
        names = archive.namelist()
        main = archive.read("main.py").decode()
    assert {name.split("/")[0] for name in names} == {"main.py", "requirements.txt", "function", "jobs", "templates"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert not {"function/client.py", "function/resumable.py"} & set(names)
    assert {"function/main.py", "jobs/queue.py", "templates/pages/home.html", "templates/assets/home.js"} <= set(names)
    assert "from function.main import handle" in main


def test_equal_sources_make_equal_zips(tmp_path: Path) -> None:
    one, two = package.write(tmp_path / "1.zip"), package.write(tmp_path / "2.zip")
    assert one.read_bytes() == two.read_bytes()


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert package.main([]) == 2
    assert "usage" in capsys.readouterr().err
    assert package.main([str(tmp_path / "out.zip")]) == 0
    assert "out.zip" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_zip_alone_in_a_fresh_environment_serves_a_request(tmp_path: Path) -> None:
    unpacked = tmp_path / "function"
    with zipfile.ZipFile(package.write(tmp_path / "function.zip")) as archive:
        archive.extractall(unpacked)
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements.txt"]
    subprocess.run(install, cwd=unpacked, check=True, timeout=500)
    key = ensure_key(tmp_path / "key.json", SERVICE_ACCOUNT)
    with reserved(EPHEMERAL) as ports:
        port = ports.function
    public = f"http://127.0.0.1:{port}"
    with running_emulator(tmp_path / "buckets", key) as emulator:
        make_buckets(Settings(storage_url=emulator.url, public_url=public))
        env = {
            "PATH": os.environ["PATH"],
            "MODELMAIL_STORAGE_URL": emulator.url,
            "MODELMAIL_SIGNING_KEY": str(key),
            "MODELMAIL_PUBLIC_URL": public,
            "MODELMAIL_SECRET": "known to these tests",
            "MODELMAIL_ALLOWED_ADDRESSES": "*@example.org",
        }
        where = ["--target", "handle", "--host", "127.0.0.1", "--port", str(port)]
        command = [str(tmp_path / "venv" / "bin" / "functions-framework"), *where]
        with subprocess.Popen(command, cwd=unpacked, env=env) as process:
            try:
                _until_it_answers(public)
                home = requests.get(public, headers={"Accept": "text/html"}, timeout=10)
                made = requests.post(public, json={"email": "ada@example.org"}, timeout=10)
            finally:
                process.terminate()
    assert home.status_code == 200 and "Photos in, model out" in home.text
    assert made.status_code == 201, made.text
    assert set(made.json()) == {"job_id", "upload", "status_url", "delete_url"}


def _until_it_answers(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"{url}/health", timeout=5)
            return
        time.sleep(0.2)
    raise AssertionError("the function does not answer")


def test_the_pinned_requirements_are_those_that_are_tested() -> None:
    """Every package of the function's list has the version of the project's own constraints."""

    def pins(path: Path) -> dict[str, str]:
        lines = (line.split(" ")[0] for line in path.read_text().splitlines() if line[:1].isalnum())
        return dict(line.split("==") for line in lines)

    function, project = pins(package.REQUIREMENTS), pins(package.ROOT / "constraints.txt")
    assert {"functions-framework", "google-cloud-storage", "jinja2"} <= set(function)
    assert {name: project.get(name) for name in function} == function
    assert not {"tensorflow", "numpy", "pillow", "keras"} & set(function)


def test_no_list_of_requirements_names_an_index() -> None:
    for path in (
        package.REQUIREMENTS,
        package.ROOT / "constraints.txt",
        package.ROOT / "infra/gcp/constraints-gpu.txt",
    ):
        assert "://" not in path.read_text() and "--index" not in path.read_text()
