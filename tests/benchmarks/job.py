"""Whole jobs through the whole service: what a user waits from the end of the upload to the mail, and what comes of it.

    python -m tests.benchmarks.job photos.zip --minutes 7 --seed 0 --seed 1 --seed 2 \\
        --candidates efficientnet_lite0,efficientnet_lite1,efficientnet_lite2,mobilenet

One row a job: test accuracy of the delivered file, seconds from upload to mail, the seconds of its stages, and the
overhead: whatever was not learning (intake, select and tune are; the test, the files, the report, the queue and the
mail are told apart). MODELMAIL_WEIGHTS names a folder of weights, as for a worker.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from function.client import Client
from infra.local.stack import Stack

STAGES = ("intake", "select", "tune", "evaluate", "export")  # the report, the queue and the mail are around them
HEADER = f"{'job':<26}{'test':>7}{'low':>7}{'high':>7}{'waited':>8}{'around':>8}  " + "".join(f"{s:>9}" for s in STAGES)


def main() -> None:
    """Print one row for each seed."""
    options = _arguments()
    print(HEADER, flush=True)
    accuracies = []
    for seed in options.seed or [0]:
        asked = {"minutes": options.minutes, "seed": seed, "exports": options.exports.split(",")}
        if options.candidates:
            asked["candidates"] = options.candidates.split(",")
        with tempfile.TemporaryDirectory() as folder:
            waited, report = run(options.zip, asked, Path(folder))
        accuracies.append(report["test"]["accuracy"])
        _show(f"{options.zip.stem} s{seed}", waited, report)
    print(f"mean test accuracy {sum(accuracies) / len(accuracies):.4f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip", type=Path)
    parser.add_argument("--minutes", type=int, default=7)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--candidates", default="")
    parser.add_argument("--exports", default="h5,keras")
    return parser.parse_args()


def run(photos: Path, asked: dict[str, Any], folder: Path, files: Sequence[str] = ()) -> tuple[float, dict[str, Any]]:
    """Return the seconds from the end of the upload to the mail, and the report.

    Of what the job delivers, these files are saved in the folder, too.
    """
    with Stack(folder / "data") as stack:
        client = Client(stack.function_url)
        submission = client.submit("ada@example.org", asked)
        client.upload(submission, photos, lambda done, total: None)
        began = time.monotonic()
        while not list(stack.mail.glob("*.eml")):
            time.sleep(0.2)
        waited = time.monotonic() - began
        status = client.status(submission.status_url)
        assert status.status == "done", status
        for name in ("report.json", *files):
            (url,) = [row.url for row in status.files if row.name == name]
            client.download(url, folder / name)
        return waited, json.loads((folder / "report.json").read_text())


def _show(name: str, waited: float, report: dict[str, Any]) -> None:
    seconds = report["seconds"]
    low, high = report["test"]["interval"]
    around = waited - sum(seconds[stage] for stage in STAGES)
    figures = f"{report['test']['accuracy']:>7.3f}{low:>7.3f}{high:>7.3f}{waited:>8.1f}{around:>8.1f}  "
    print(f"{name:<26}{figures}" + "".join(f"{seconds[stage]:>9.1f}" for stage in STAGES), flush=True)
    for row in report["candidates"]:
        shown = "" if row["validation_accuracy"] is None else f"{row['validation_accuracy']:.3f}"
        print(f"    {row['name']:<22}{row['state']:<10}{shown:<7}{row.get('seconds') or 0:>7.1f}  {row['note']}")
    for row in report["trials"]:
        shown = "" if row["validation_accuracy"] is None else f"{row['validation_accuracy']:.3f}"
        text = f"{shown:<7}{row['seconds'] or 0:>7.1f}  {row['parameters']} {row['note']}"
        print(f"    {row['kind']:<22}{row['state']:<10}{text}", flush=True)


if __name__ == "__main__":
    main()
