"""Bombs are refused in a process that the kernel ends past 2 s of processor time or 1 MB of a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
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
# Imports once, and forks for each zip: the limits and the peak are those of the process that reads it.
PARENT = """
import json, math, os, resource, sys
from pathlib import Path
from jobs.limits import Limits
from jobs.tasks import TASKS
from vm_worker.tasks.task import load
from vm_worker.tasks.uploads import verdict

def refuse(path, home):
    os.chdir(home)
    os.environ["TMPDIR"] = home
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(spent.ru_utime + spent.ru_stime) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    result = verdict(Path(path), Limits())
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"code": result.code, "peak": int(peak.split()[1]) * 1024}), flush=True)

if __name__ == "__main__":
    for name in TASKS:
        load(name)
    for line in sys.stdin:
        if not (pid := os.fork()):
            refuse(*json.loads(line))
            os._exit(0)
        if status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            print(json.dumps({"status": status}), flush=True)
"""


@dataclass(frozen=True)
class Refusal:
    """The refusal of a zip, and the resources that it took."""

    code: str | None
    peak: int  # bytes of memory


Refuse = Callable[[Path, Path], Refusal]


@pytest.fixture(scope="module")
def refused() -> Iterator[Refuse]:
    """A function that has a zip read by a process of its own, with a folder for whatever it writes."""
    command, env = [sys.executable, "-c", PARENT], {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        asking, answers = parent.stdin, parent.stdout

        def refuse(path: Path, home: Path) -> Refusal:
            home.mkdir()
            print(json.dumps([str(path), str(home)]), file=asking, flush=True)
            answer = json.loads(answers.readline())
            assert list(home.rglob("*")) == []
            return Refusal(**answer)  # a process that was killed has a status and no verdict

        yield refuse
        asking.close()


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.faults if case in SLOW else ()) for case in BOMBS]
)
def test_a_bomb_is_refused_quickly_and_small(case: str, tmp_path: Path, refused: Refuse) -> None:
    code, write = BOMBS[case]
    path = write(tmp_path / "bomb.zip")
    refusal = refused(path, tmp_path / "home")
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
