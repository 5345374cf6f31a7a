"""One real demo, whose results the tests of several folders look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local import demo_photos
from tests.servers import with_own_ports

MODELMAIL = [sys.executable, "-P", "-m", "infra.cli.main"]
MINUTES = 3  # on a slow machine two leave no time for the TFLite file, without which no page can try the model
DEMO_SECONDS = 290  # the minutes of the job, and the starts and ends of five programs on a crowded machine


def demo_env(**more: str) -> dict[str, str]:
    """The environment without modelmail's own settings, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELMAIL_")}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", **more}


def few_photos(folder: Path) -> Path:
    """Make the built-in photos and keep 20 of each class: with all 64 the job takes twice as long."""
    for kind in demo_photos.make(folder).iterdir():
        for photo in sorted(kind.iterdir())[20:]:
            photo.unlink()
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path]:
    """One real demo: its JSON, its progress and its data folder. It trains, once for all tests."""
    home = tmp_path_factory.mktemp("demo")
    data = with_own_ports(home / "data")
    photos, options = (
        few_photos(home / "photos"),
        ("candidates=efficientnet_lite0", "trials=1", "epochs=6", "objective=balanced"),
    )
    command = [*MODELMAIL, "demo", str(photos), "--minutes", str(MINUTES), "--json", "--data", str(data)]
    command += [word for option in options for word in ("--set", option)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=DEMO_SECONDS, env=demo_env())
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1]), answer.stderr, data
