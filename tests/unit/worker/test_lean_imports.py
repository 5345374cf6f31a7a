"""TensorFlow and Keras start without packages that no job needs, and whoever needs those gets them."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from vm_worker.lean_imports import HIDDEN, LeanImports, install

HOST = """
import gc
from importlib import import_module
from threading import Thread

def tried(answers):
    try:
        answers.append(import_module("lean_guest.inner").__name__)
    except ImportError as error:
        answers.append(error.name)

collects, here, elsewhere = gc.isenabled(), [], []
tried(here)
thread = Thread(target=tried, args=(elsewhere,))
thread.start()
thread.join()
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`lean_host`, from which `lean_guest` is hidden; it writes down what it could import, here and in a thread."""
    (tmp_path / "lean_host.py").write_text(HOST)
    (tmp_path / "lean_guest").mkdir()
    for name in ("__init__", "inner"):
        (tmp_path / "lean_guest" / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [LeanImports({"lean_host": ("lean_guest",)}), *sys.meta_path])
    yield
    for name in ("lean_host", "lean_guest", "lean_guest.inner"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("modules")
def test_a_package_is_hidden_while_a_module_is_imported_in_the_same_thread_and_no_longer() -> None:
    host = import_module("lean_host")
    assert host.here == ["lean_guest"] and host.elsewhere == ["lean_guest.inner"]
    assert not host.collects and gc.isenabled()
    assert import_module("lean_guest.inner").__name__ == "lean_guest.inner"


@pytest.mark.usefixtures("modules")
def test_a_package_that_is_there_already_stays_there() -> None:
    import_module("lean_guest.inner")
    assert import_module("lean_host").here == ["lean_guest.inner"]


def test_it_is_installed_once() -> None:
    before = list(sys.meta_path)
    install()
    assert sys.meta_path == before and sum(isinstance(one, LeanImports) for one in before) == 1


@pytest.mark.slow
def test_keras_starts_without_what_it_does_not_need() -> None:
    names = sorted({name for names in HIDDEN.values() for name in names})
    program = f"import json, sys, vm_worker, keras; print(json.dumps([one for one in {names} if one in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
