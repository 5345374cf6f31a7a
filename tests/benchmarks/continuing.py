"""What continuing from an earlier model brings: with twice the photos of the same classes, and with other ones.

    python -m tests.benchmarks.continuing ../shared/datasets --seeds 1 --minutes 5 --continued 3

Half of trashnet first, all of it then: continued from the first model, and started from ImageNet. Then trashnet by a
model that fruit was learnt with, which must be refused. With `--part several` the last job may choose among the models
of fruit and of half of trashnet. Both sides run one after the other on the same machine, with
the same options, but for the minutes where `--continued` gives the job that continues fewer. A row for each job:
accuracy on its test photos, seconds from claim to outcome and processor seconds.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from jobs.job import Job
from jobs.options import Options
from tests.integration.house import House

SUFFIXES = (".jpg", ".jpeg", ".png")


def half(source: Path, seed: int) -> bytes:
    """A zip of a random half of the photos of each class."""
    chosen, chance = BytesIO(), np.random.default_rng(seed)
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(chosen, "w") as made:
        names: dict[str, list[str]] = {}
        for name in sorted(given.namelist()):
            if name.lower().endswith(SUFFIXES):
                names.setdefault(name.rpartition("/")[0], []).append(name)
        for own in names.values():
            for name in chance.choice(own, len(own) // 2, replace=False).tolist():
                made.writestr(name, given.read(name))
    return chosen.getvalue()


def timed(what: str, house: House, photos: bytes, **options: Any) -> Job:
    """Run a job and print its row."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    job = house.run(photos, **options)
    after, report = resource.getrusage(resource.RUSAGE_CHILDREN), house.report(job)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    test, stages = report["test"], report["seconds"]
    learning = stages["select"] + stages["tune"]
    row = f"{what:34} {test['accuracy']:.4f} of {test['images']:4}  {time.monotonic() - began:6.0f} s"
    print(f"{row}  learning {learning:6.0f} s  processor {spent:6.0f} s  {report['winner']['title']}", flush=True)
    for sentence in report.get("earlier", {}).get("sentences", ()):
        print(f"    {sentence}", flush=True)
    for one in report.get("earlier", {}).get("offered", ()):
        print(f"    {one['rank']}. {one['photos']} photos, {one['similarity']} alike, score {one['score']}", flush=True)
    for line in report.get("earlier", {}).get("rows", ()):
        print(f"    {line['words']}: {line['score']:.4f} {line['interval']} {line['seconds']}", flush=True)
    return job


def main() -> None:
    """Run the jobs of each seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("datasets", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--continued", type=int, help="minutes of the jobs that continue; default: as the others")
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--part", choices=("both", "same", "other", "several"), default="both")
    given = parser.parse_args()
    continued = given.continued or given.minutes
    trash = (given.datasets / "trashnet.zip").read_bytes()
    for seed in range(given.seeds):
        options = Options(minutes=given.minutes, trials=given.trials, exports=("h5",), seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            house = House.build(Path(folder), options)
            if given.part in ("both", "same", "several"):
                first = timed(f"seed {seed}: half", house, half(given.datasets / "trashnet.zip", seed))
            if given.part in ("both", "same"):
                timed("  all, from the half's model", house, trash, base=(first.id,), minutes=continued)
            if given.part != "several":
                timed("  all, from ImageNet", house, trash)
            if given.part in ("both", "other", "several"):
                fruit = timed("  fruit", house, (given.datasets / "fruits3.zip").read_bytes())
            if given.part in ("both", "other"):
                timed("  trash, from the fruit's model", house, trash, base=(fruit.id,), minutes=continued)
            if given.part == "several":
                timed("  all, from either model", house, trash, base=(fruit.id, first.id), minutes=continued)


if __name__ == "__main__":
    main()
