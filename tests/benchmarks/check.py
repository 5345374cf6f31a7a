"""How many small zips one `modelmail check` judges in a second."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.unit.intake.crafted import two_classes, zip_of

ZIPS = 200


def test_zips_a_second(tmp_path: Path) -> None:
    paths = [str(zip_of(two_classes(), tmp_path / f"{n}.zip")) for n in range(ZIPS)]
    command = [sys.executable, "-m", "infra.cli.main", "check", "--json"]
    seconds = {}
    for count in (1, ZIPS):
        begun = time.perf_counter()
        done = subprocess.run([*command, *paths[:count]], capture_output=True, check=True)
        seconds[count] = time.perf_counter() - begun
        assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["accepted"] * count
    each = (seconds[ZIPS] - seconds[1]) / (ZIPS - 1)
    hundred = seconds[1] + 99 * each
    print(f"\nstart {seconds[1]:.1f} s, then {each * 1000:.0f} ms a zip of 24 photos: 100 zips in {hundred:.1f} s")
