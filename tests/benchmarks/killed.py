"""A detector's job, hit twice while it learns: it ends in its time, with one mail. The machine must be idle.

python -m pytest tests/benchmarks/killed.py -o python_files='*.py' -m "" -s
"""

from __future__ import annotations

import os
import signal
import time
import zipfile
from pathlib import Path

import pytest

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from tests.unit.detection import label_zips
from tests.workers import Journey, until, worker

MINUTES = 5
OVERTIME = 1.1  # times the minutes, that the whole job may take
PHOTOS = 60


@pytest.mark.timeout(900)
def test_a_job_that_is_killed_twice_ends_in_its_time(tmp_path: Path) -> None:
    photos = tmp_path / "squares"
    written = label_zips.write(tmp_path / "labelled.zip", label_zips.roboflow_coco(label_zips.photos(PHOTOS)))
    with zipfile.ZipFile(written) as archive:
        archive.extractall(photos)
    with Stack(tmp_path / "data", ports=EPHEMERAL, worker=False) as stack:
        options = {"minutes": MINUTES, "exports": ["h5", "tflite"]}
        journey, began = Journey.start(stack, tmp_path, options, photos), time.monotonic()
        for number, seconds in enumerate((30, 30)):
            with worker(stack, tmp_path / str(number)) as one:
                until(lambda: journey.manifest("intake"))
                time.sleep(seconds)
                assert not journey.manifest("evaluate"), "it was killed too late to tell anything"
                os.kill(one.pid, signal.SIGKILL)
        with worker(stack, tmp_path / "last"):
            until(lambda: journey.client.status(journey.status_url).status == "done", 60 * MINUTES * 2)
            took = time.monotonic() - began
            journey.end()
        assert journey.mails() == ["1-report.eml"]
        assert journey.manifest("report")["token"] >= 3
        print(f"killed twice, it took {took:.0f} s of {60 * MINUTES}")
        assert took <= OVERTIME * 60 * MINUTES
