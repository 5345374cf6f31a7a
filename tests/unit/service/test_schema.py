"""The REST interface against its own description, by schemathesis: whatever it thinks up is answered as described."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = 6  # random requests of each route, beside those at the edges of the description
SECONDS = 240
# Too many photos are refused by 413, which schemathesis does not count as a refusal unless told.
REFUSALS = "[checks.negative_data_rejection]\nexpected-statuses = [400, 404, 405, 413, 415, 422]\n"
RUN = "from schemathesis.cli import schemathesis; schemathesis()"  # its pytest plugin lags behind pytest


def test_every_answer_is_one_of_those_described(url: str, tmp_path: Path) -> None:
    address = f"{url}/openapi.json"
    (tmp_path / "schemathesis.toml").write_text(REFUSALS, encoding="utf-8")
    # Deterministic, and without its database: a failure comes back.
    how = ["--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, "run", address, *how],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=tmp_path,
        env={"PATH": os.defpath, "NO_PROXY": "*", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "4 selected / 4 total" in done.stdout and "No issues found" in done.stdout
