"""The rules of the house that no linter knows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import PACKAGES, ROOT, name, sources

# The rule's one place, and the one that hands an environment on to child processes.
ENVIRONMENT_READERS = {"jobs/settings.py", "infra/local/environment.py", "vm_worker/__init__.py"}
TEXT = {".py", ".toml", ".md", ".txt", ".html", ".css", ".js", ".tf", ".sh", ".yml", ".yaml", ""}


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_environment_is_read_in_one_place() -> None:
    readers = {name(path) for path in sources() if re.search(r"\bos\.(environ|getenv|putenv)\b", path.read_text())}
    assert readers == ENVIRONMENT_READERS


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"(?<![\w.])/(?:work|home|root|Users|mnt|tmp)/\w", "a path of one machine"),
        (r"--(?:extra-)?index-url|--find-links", "a package index"),
        (r"-----BEGIN (?:RSA )?PRIVATE KEY-----\n[A-Za-z0-9+/]", "a private key"),
    ],
)
def test_tracked_files_hold_nothing_of_one_machine(pattern: str, what: str) -> None:
    here = Path(__file__)
    found = [
        f"{name(path)}: {hit[0]}"
        for path in _tracked()
        if path.suffix in TEXT and path != here
        for hit in re.finditer(pattern, path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == [], what


def test_constraints_are_pinned_by_hash() -> None:
    text = (ROOT / "constraints.txt").read_text()
    pins = re.findall(r"^[A-Za-z0-9_.\-]+==\S+.*(?:\n    .*)*", text, re.M)
    assert len(pins) > 50
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("script", ["Makefile", "infra/startup.sh"])
def test_a_complete_list_is_not_resolved_again(script: str) -> None:
    """pip 23 and older, asked to, refuse an extra's package (`coverage[toml]`) as soon as it has a newer release."""
    installs = [line for line in (ROOT / script).read_text().splitlines() if "--require-hashes" in line]
    assert installs and all("--no-deps" in line for line in installs)


def _loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in answer.stdout.split()}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        # A cloud function starts cold, in seconds that the user waits for.
        ("function.main", {"tensorflow", "keras", "numpy", "PIL", "pandas", "sklearn", "matplotlib", "h5py"}),
        # The poll loop runs for days beside an idle machine; only its child trains.
        ("vm_worker.main", {"tensorflow", "keras", "ray", "torch"}),
        # `modelmail --help` answers at once.
        ("infra.cli.main", {"tensorflow", "keras", "numpy", "requests", "skimage", "starlette"}),
        # Decoding runs in many processes.
        ("vm_worker.intake.decoder", {"tensorflow", "keras", "pandas", "sklearn", "matplotlib"}),
        # A dataset that is rejected never waits for what learning needs.
        ("vm_worker.tasks.uploads", {"tensorflow", "keras", "pandas", "sklearn", "matplotlib"}),
    ],
)
def test_importing_stays_light(module: str, heavy: set[str]) -> None:
    assert _loaded_by(module) & heavy == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The wheel, built from the tracked files without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    for path in _tracked():
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    command = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(copy)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=120)
    yield next(folder.glob("*.whl"))


def test_the_wheel_holds_packages_and_templates_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    # What is no Python comes along too: templates, the service's page, its Dockerfile, the infrastructure.
    ours = {name(path) for path in _tracked() if path.parts[len(ROOT.parts)] in PACKAGES}
    assert ours <= set(names)
    assert "vm_worker/exports/service/runtime/page.html" in names


MAIL = """
import sys
from datetime import UTC, datetime
import jobs
from jobs.job import Job, JobError, Status
from jobs.mail.letters import Letterhead, compose
error = JobError("one_class", "Only cat & dog <b>")
job = Job("A" * 22, "ada@example.org", "0" * 64, datetime.now(UTC), status=Status.REJECTED, error=error)
mail = compose(job, "rejected", Letterhead("m@example.org", "o@example.org", "https://m.example.org", "s"), None, {})
assert "&amp; dog &lt;b&gt;" in mail.html, mail.html
assert "There is only one class" in mail.text, mail.text
print(jobs.__file__)
"""


def test_the_installed_wheel_renders_a_mail(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = ["-m", "pip", "install", "--no-deps", "--no-index", "--no-compile", "--quiet"]
    command = [*install, "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=120)
    # Its own copy comes before the checkout, and the current folder is not looked at.
    env = {**os.environ, "PYTHONPATH": str(target)}
    answer = subprocess.run(
        [sys.executable, "-P", "-c", MAIL], capture_output=True, text=True, env=env, cwd=tmp_path, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    assert Path(answer.stdout.strip()).is_relative_to(target)
