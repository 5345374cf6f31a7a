"""Bombs are refused in a process that the kernel ends past 2 s of processor time or 1 MB of a file."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.limits import Limits
from tests.unit.intake.bombs import BOMBS, just_below, nested_as_photos
from tests.unit.intake.lies import FEW
from vm_worker.intake.pool import Bounds, Decoders
from vm_worker.tasks.uploads import verdict

ROOT = Path(__file__).parents[3]
MEMORY = 100_000_000  # bytes
SLOW = ("long names", "long directory", "crowded in secret", "many splits")  # to write
CHILD = """
import json, math, resource, sys
from pathlib import Path
from jobs.limits import Limits
from vm_worker.tasks.uploads import verdict

if __name__ == "__main__":
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(spent.ru_utime + spent.ru_stime) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    result = verdict(Path(sys.argv[1]), Limits())
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"code": result.code, "peak": int(peak.split()[1]) * 1024}))
"""


@dataclass(frozen=True)
class Refusal:
    """The refusal of a zip, and the resources that it took."""

    code: str | None
    peak: int  # bytes of memory


def _refused(path: Path, home: Path) -> Refusal:
    home.mkdir()
    (home / "child.py").write_text(CHILD)
    done = subprocess.run(
        [sys.executable, "child.py", str(path)],
        cwd=home,
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [file.name for file in home.rglob("*")] == ["child.py"]
    return Refusal(**json.loads(done.stdout))


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.faults if case in SLOW else ()) for case in BOMBS]
)
def test_a_bomb_is_refused_quickly_and_small(case: str, tmp_path: Path) -> None:
    code, write = BOMBS[case]
    path = write(tmp_path / "bomb.zip")
    refusal = _refused(path, tmp_path / "home")
    assert refusal.code == code
    assert refusal.peak < MEMORY
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bomb.zip", "home"]


def test_zips_in_zips_are_not_opened(tmp_path: Path, decoders: Decoders) -> None:
    result = verdict(nested_as_photos(tmp_path / "a.zip"), Limits(), decoders)
    assert (result.code, len(result.skipped)) == ("no_images", 24)


def test_what_the_ratio_allows_costs_no_more_than_its_photos(tmp_path: Path) -> None:
    with Decoders(1, Bounds(memory_bytes=100_000_000)) as pool:
        result = verdict(just_below(tmp_path / "a.zip"), FEW, pool)
    assert result.code == "too_many_broken"
    assert {skip.reason for skip in result.skipped if skip.name.endswith(".bmp")} == {
        "is not a JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC picture"
    }
