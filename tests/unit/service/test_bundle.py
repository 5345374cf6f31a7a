"""What goes into a service.pyz comes out of it, and what is missing is named."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from vm_worker.exports.service.runtime import serve
from vm_worker.exports.service.runtime.bundle import Bundle, add, from_folder, from_zip
from vm_worker.exports.service.runtime.serve import with_threshold

BUNDLE = Bundle(b"model", ("cat", "猫 & <dog>"), {"title": "Small"})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """As shiv makes it: a first line for the shell, then a zip."""
    path = tmp_path / "base.pyz"
    with path.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("__main__.py", "print('base')")
    return path


def test_what_was_added_is_read_back(base: Path, tmp_path: Path) -> None:
    made = add(base, BUNDLE, tmp_path / "service.pyz")
    assert from_zip(made) == BUNDLE
    assert made.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert stat.S_IMODE(made.stat().st_mode) & stat.S_IXUSR
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None and archive.read("__main__.py") == b"print('base')"
    with pytest.raises(ValueError, match=r"base\.pyz holds no model"):
        from_zip(base)


def test_a_jobs_folder_is_a_bundle_once_it_has_its_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no .*labels\.txt"):
        from_folder(tmp_path)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    with pytest.raises(ValueError, match=r"there is no .*model\.tflite"):
        from_folder(tmp_path)
    (tmp_path / "model.tflite").write_bytes(b"model")
    assert from_folder(tmp_path) == Bundle(b"model", ("cat", "dog"), {})


def test_elsewhere_it_says_what_it_was_made_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "a" / "b" / "c" / "d"
    site.mkdir(parents=True)
    monkeypatch.setattr(serve, "__file__", str(site / "serve.py"))
    (tmp_path / "modelmail").mkdir()
    (tmp_path / "modelmail" / serve.MADE_FOR).write_text('{"python": "3.8", "system": "Plan 9", "machine": "mips"}')
    assert serve.main([]) == 2
    assert "made for Plan 9 on mips with Python 3.8; this is " in capsys.readouterr().err


def test_another_threshold_is_a_probability() -> None:
    bundle = Bundle(b"network", ("cat", "dog"), {"title": "a network", "threshold": 0.7})
    assert with_threshold(bundle, 0.25).about == {"title": "a network", "threshold": 0.25}
    assert bundle.about["threshold"] == 0.7
    with pytest.raises(ValueError, match="is no probability"):
        with_threshold(bundle, 1.5)
