"""The learning engine on another backend: its own tests again, in a process where Keras runs on JAX."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
HERE = Path("tests/unit/learn")
LIGHT = (
    "test_contest.py",
    "test_engines.py",
    "test_features.py",
    "test_heads.py",
    "test_precision.py",
    "test_quote.py",
    "test_standings.py",
)
WHOLE = (
    "test_folding.py",
    "test_finetune.py",
    "test_selection.py",
    "test_backbones.py",
)  # networks are compiled anew for each: minutes


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("files", [LIGHT, WHOLE], ids=["features and heads", "networks, selection and tuning"])
def test_learning_passes_its_tests_on_jax(files: tuple[str, ...]) -> None:
    pytest.importorskip("jax")
    check = "import keras, sys; sys.exit(keras.backend.backend() != 'jax')"
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, env=environment, check=False).returncode == 0
    tests = [str(HERE / name) for name in files]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=1500", *tests]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout.splitlines()[-1]
