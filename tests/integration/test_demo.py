"""The whole service on one machine, as a user meets it: by its command line and by curl."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local.stack import Stack
from tests.demo import MINUTES, MODELMAIL, demo_env

REJECTED_SECONDS = 30
JSON_KEYS = {
    "job_id", "status", "error", "winner", "candidates", "test_accuracy", "test_interval", "seconds", "quoted_seconds",
    "model_h5", "report_html", "mail_eml",
}  # fmt: skip
LOAD = """
import sys, numpy, keras
model = keras.models.load_model(sys.argv[1])
answer = model.predict(numpy.full((1, *model.input_shape[1:]), 127.0, "float32"), verbose=0)
assert answer.shape == (1, 3) and abs(answer.sum() - 1) < 1e-4, answer
print(sorted({name.partition(".")[0] for name in sys.modules} & {"jobs", "vm_worker", "infra", "function"}))
"""


@pytest.mark.slow
def test_demo_ends_with_a_good_model(demo: tuple[dict[str, Any], str, Path]) -> None:
    told, progress, _ = demo
    assert set(told) == JSON_KEYS
    assert told["status"] == "done"
    assert told["error"] is None
    assert told["test_accuracy"] > 0.9  # three textures; chance is 0.33
    low, high = told["test_interval"]
    assert 0 < low <= told["test_accuracy"] <= high <= 1
    assert told["winner"] in [row["name"] for row in told["candidates"] if row["validation_accuracy"] is not None]
    assert set(told["seconds"]) >= {"intake", "select", "tune", "evaluate", "export"}
    assert sum(told["seconds"].values()) < 1.1 * 60 * MINUTES  # another test takes its cores meanwhile
    assert re.search(r"Prediction +(brick|grass|gravel), ", progress)


@pytest.mark.slow
def test_demo_leaves_exactly_one_mail(demo: tuple[dict[str, Any], str, Path]) -> None:
    told, _, data = demo
    mails = sorted((data / "mail").glob("*.eml"))
    assert [str(mail) for mail in mails] == [told["mail_eml"]]
    message = message_from_bytes(mails[0].read_bytes(), policy=default)
    assert message["To"] == "demo@example.org"
    html = message.get_body(("html",))
    assert html is not None
    assert f"/jobs/{told['job_id']}/files/model.h5" in html.get_content()


@pytest.mark.slow
def test_demo_model_loads_where_nothing_of_ours_is(demo: tuple[dict[str, Any], str, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", LOAD, demo[0]["model_h5"]]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, env=demo_env())
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_demo_leaves_no_process_and_no_temporary_port(demo: tuple[dict[str, Any], str, Path]) -> None:
    ports = json.loads((demo[2] / "ports.json").read_text())
    for port in ports.values():
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/", timeout=2)


@pytest.mark.slow
def test_up_makes_the_links_of_an_earlier_demo_work(demo: tuple[dict[str, Any], str, Path]) -> None:
    told, _, data = demo
    with Stack(data) as stack:
        html = Path(told["mail_eml"]).with_suffix(".html").read_text()
        link = re.search(rf"{stack.function_url}/jobs/{told['job_id']}/files/model\.h5", html)
        assert link
        answer = requests.get(link[0], timeout=30)
    assert answer.content == Path(told["model_h5"]).read_bytes()


def test_demo_of_a_bad_zip_says_why_and_fails(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"these are no photos")
    command = [*MODELMAIL, "demo", str(tmp_path / "photos.zip"), "--data", str(tmp_path / "data"), "--json"]
    # A proxy that is not there: nothing on this machine may go through it.
    env = demo_env(HTTP_PROXY="http://127.0.0.1:9", http_proxy="http://127.0.0.1:9")
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    told = json.loads(answer.stdout.splitlines()[-1])
    assert answer.returncode == 1
    assert set(told) == JSON_KEYS
    assert (told["status"], told["error"]["code"]) == ("rejected", "not_a_zip")
    assert told["error"]["message"] in answer.stderr
    assert Path(told["mail_eml"]).name == "1-rejected.eml"


@pytest.mark.faults
def test_an_interrupted_demo_leaves_no_job_and_no_mail(tmp_path: Path) -> None:
    command = [*MODELMAIL, "demo", "--data", str(tmp_path / "data"), "--json"]
    told = subprocess.PIPE
    with subprocess.Popen(command, stdout=told, stderr=told, text=True, env=demo_env()) as process:
        assert process.stdout and process.stderr
        lines = iter(process.stderr.readline, "")
        job_id = next(line.split()[1] for line in lines if line.startswith("Job "))
        assert any("select" in line for line in lines)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 130
    with Stack(tmp_path / "data", given=demo_env(), worker=False) as stack:
        assert requests.get(f"{stack.function_url}/jobs/{job_id}", timeout=10).status_code == 404
    assert list((tmp_path / "data" / "mail").glob("*.eml")) == []


def test_demo_of_nothing_fails_at_once(tmp_path: Path) -> None:
    command = [*MODELMAIL, "demo", str(tmp_path / "none.zip"), "--data", str(tmp_path / "data"), "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, env=demo_env())
    told = json.loads(answer.stdout.splitlines()[-1])
    assert answer.returncode == 1
    assert told["status"] is None
    assert "none.zip" in told["error"]["message"]
