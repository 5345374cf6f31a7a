"""Tests the emulator's own package: small, complete without the rest of the project, and at home beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Set
from importlib.metadata import distribution
from pathlib import Path
from sysconfig import get_paths

import pytest

from infra import emulator_wheel
from infra.emulator.__main__ import _parser

MOST_BYTES = 1_000_000
DEPENDENCIES = {"cryptography", "google-crc32c", "httptools", "uvicorn"}
ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "infra/emulator/Dockerfile").read_text(encoding="utf-8")
README = (ROOT / "infra/emulator/README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulator_wheel.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed, and nothing else."""
    target = tmp_path_factory.mktemp("site")
    command = ["-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=120)
    return target


def test_it_is_small_and_needs_little(wheel: Path, site: Path) -> None:
    assert wheel.stat().st_size < MOST_BYTES
    metadata = next(site.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    assert set(re.findall(r"^Requires-Dist: ([a-z0-9-]+)", metadata, re.M)) == DEPENDENCIES
    assert "A Google Cloud Storage for one machine" in metadata
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"modelmail_emulator", wheel.name.rpartition("-py3")[0] + ".dist-info"}


def test_no_module_of_the_project_is_missing_in_it(site: Path) -> None:
    sources = [path.read_text(encoding="utf-8") for path in site.rglob("*.py")]
    assert len(sources) > 80
    for text in sources:
        assert not re.search(r"\b(?:from|import) (?:infra|jobs|tests)\b", text)
        assert "infra.emulator" not in text


def test_a_module_that_imports_more_is_refused() -> None:
    with pytest.raises(emulator_wheel.WheelError, match=r"a\.py imports .* from jobs"):
        emulator_wheel.renamed("from infra.lock import only_one\nfrom jobs.storage import gcs\n", "a.py")


def needed(names: Set[str]) -> set[str]:
    """The distributions that these need, these included, as they are installed here."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in distribution(name).requires or ():
            more = re.match(r"[A-Za-z0-9._-]+", line)
            if more and "extra ==" not in line and "python_version <" not in line and "win32" not in line:
                waiting |= {more[0].lower()} - found
    return found


@pytest.fixture(scope="module")
def alone(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the package and what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    python = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    target = Path(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip())
    here = [Path(get_paths()[name]) for name in ("purelib", "platlib")]
    for name in needed(DEPENDENCIES):
        for file in distribution(name).files or ():
            top = file.parts[0]
            source = next((folder / top for folder in here if (folder / top).exists()), None)
            if top not in ("..", "__pycache__") and source and not (target / top).exists():
                (target / top).symlink_to(source)
    for entry in site.iterdir():
        if entry.name != "bin":
            (target / entry.name).symlink_to(entry)
    return python


USE = """
import sys
from modelmail_emulator import GcsEmulator
from urllib.request import Request, urlopen
with GcsEmulator(options=("--anonymous", "allow")) as gcs:
    urlopen(Request(gcs.url + "/storage/v1/b?project=p", b'{"name": "some-bucket"}', method="POST")).read()
    urlopen(Request(gcs.url + "/some-bucket/a", b"content", method="PUT")).read()
    print(urlopen(gcs.url + "/some-bucket/a").read().decode(), gcs.key_file.exists(), gcs.get_url() == gcs.url)
    folder = gcs.data
heavy = {"tensorflow", "numpy", "google.cloud", "infra", "jobs", "starlette"} & set(sys.modules)
print(folder.exists(), sorted(heavy))
"""


def test_it_runs_with_nothing_else(alone: Path, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([alone, *arguments], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=60)

    told = run("-c", USE)
    assert (told.stdout.splitlines(), told.stderr) == (["content True True", "False []"], "")
    for absent in ("requests", "infra", "tensorflow", "google.cloud"):
        assert run("-c", f"import {absent}").returncode == 1
    assert "usage: python -m modelmail_emulator" in run("-m", "modelmail_emulator", "--help").stdout


BESIDE = """
import infra.emulator.server
import modelmail_emulator.server
from infra.emulator.running import GcsEmulator as Ours
from modelmail_emulator import GcsEmulator as Packaged


def test_the_fixture(gcs_emulator):
    assert isinstance(gcs_emulator, Packaged) and not isinstance(gcs_emulator, Ours)
    client = gcs_emulator.client()
    blob = client.create_bucket("some-bucket").blob("a")
    blob.upload_from_string("content")
    assert blob.download_as_bytes() == b"content"
    assert gcs_emulator.environment == {"STORAGE_EMULATOR_HOST": gcs_emulator.url}
    client.close()


def test_two_at_once(gcs_emulator):
    with Ours() as other:
        assert other.url != gcs_emulator.url
        client = other.client()
        assert list(client.list_buckets()) == []
        client.close()


def test_the_same_one(gcs_emulator):
    client = gcs_emulator.client()
    assert [bucket.name for bucket in client.list_buckets()] == ["some-bucket"]
    client.close()
"""


@pytest.mark.slow
def test_it_lives_beside_the_project_and_gives_a_fixture(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_beside.py").write_text(BESIDE)
    (example,) = re.findall(r"^```python test\n(.*?)^```$", README, re.M | re.S)
    (tmp_path / "test_readme.py").write_text(example)
    path = os.pathsep.join((str(site), str(ROOT)))
    strict = ["-W", "error", "-W", "ignore:Please install grpcio-status:ImportWarning"]
    command = [
        sys.executable,
        "-P",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *strict,
        "test_beside.py",
        "test_readme.py",
    ]
    told = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, timeout=120
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "4 passed" in told.stdout


def test_an_emulator_that_cannot_start_says_why(site: Path, tmp_path: Path) -> None:
    code = "from modelmail_emulator import GcsEmulator; GcsEmulator(options=('--service-account', 'none.json')).start()"
    env = {**os.environ, "PYTHONPATH": str(site)}
    told = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=60
    )
    assert "EmulatorError: The emulator did not start: none.json: No such file" in told.stderr


def documented() -> Iterator[str]:
    words = re.findall(r'"([^"]+)"', DOCKERFILE.partition("ENTRYPOINT")[2])
    assert words[0] == "modelmail-emulator"
    yield from words[1:]


def test_the_dockerfile_starts_it_as_it_wants_to_be_started(wheel: Path) -> None:
    given = _parser().parse_args(list(documented()))
    assert (given.host, given.port, str(given.data)) == ("0.0.0.0", 9000, "/data")  # noqa: S104
    assert "EXPOSE 9000" in DOCKERFILE
    assert re.search(r"^COPY modelmail_emulator-\*\.whl", DOCKERFILE, re.M)
    assert wheel.name.startswith("modelmail_emulator-")
