"""Learning on another backend: its own tests again, in a process where Keras runs on JAX."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
HERE = Path("tests/unit/learn")
LIGHT = (
    "heads/test_head_validation.py",
    "features/test_engines.py",
    "features/test_extraction.py",
    "heads/test_linear.py",
    "networks/test_precision.py",
    "select/test_quote.py",
    "select/test_ranking.py",
)
WHOLE = (
    "networks/test_fold_batchnorm.py",
    "tune/test_tasks.py",
    "select/test_selection.py",
    "networks/test_catalogue.py",
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
