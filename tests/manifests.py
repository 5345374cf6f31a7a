"""Compare what two versions of the project commit for the same job: its manifests and the weights of its model.

    python -m tests.manifests take CHECKOUT OUT      run the demo's photos through the version in CHECKOUT
    python -m tests.manifests compare OUT OTHER      print what differs, times aside; exit status 1 where something does

`take` starts the whole service of that version (`modelmail up`), submits with fixed options, and keeps each manifest
and the model. Times, speeds and what is made of them are left out of the comparison, and so are random names.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from infra.local import demo_photos
from jobs.job import Stage
from jobs.storage import gcs

OPTIONS = {
    "minutes": "10",
    "candidates": "efficientnet_lite0,efficientnet_lite1",
    "search": "random",
    "trials": "3",
    "epochs": "4",
    "exports": "h5,keras,tflite,service",
    "from-scratch": "false",
    "seed": "7",
}
# They differ from run to run of one version. Notes hold speeds, the service's file holds the day it was made.
CHANGING = {
    "seconds", "pace", "token", "object",
    "images_per_second", "plain_images_per_second", "quoted_seconds", "start_seconds",
    "latency", "costs", "machine", "sha256", "bytes", "headline", "created_at", "started_at",
}  # fmt: skip
NEW = {"validation_score", "metric"}  # keys that only the newer version writes


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, paths in (("take", ("checkout", "out")), ("compare", ("one", "other"))):
        command = commands.add_parser(name)
        for path in paths:
            command.add_argument(path, type=Path)
    given = parser.parse_args()
    if given.command == "take":
        take(given.checkout.resolve(), given.out.resolve())
        return 0
    found = list(differences(given.one, given.other))
    print(*(found or ["equal"]), sep="\n")
    return 1 if found else 0


def take(checkout: Path, out: Path) -> None:
    """Run one job and keep its manifests (`manifests.json`) and its `model.h5`."""
    out.mkdir(parents=True)
    photos = demo_photos.make(out / "photos")
    with _running(checkout, out / "data") as (function, buckets):
        flags = [part for name, value in OPTIONS.items() for part in (f"--{name}", value)]
        command = ["submit", str(photos), "--email", "a@example.org", "--url", function, "--out", str(out), *flags]
        done = subprocess.run(_program(checkout, *command), env=_environment(checkout), cwd=checkout)
        if done.returncode:
            raise SystemExit(f"the job ended with {done.returncode}")
        bucket = gcs.client(buckets).bucket("modelmail-models")
        read = {blob.name: json.loads(blob.download_as_bytes()) for blob in bucket.list_blobs() if _named(blob.name)}
    manifests = {name.partition("/")[2]: manifest for name, manifest in read.items()}
    (out / "manifests.json").write_text(json.dumps(manifests, indent=1, sort_keys=True), encoding="utf-8")


def differences(one: Path, other: Path) -> Iterator[str]:
    """A line for each place where two runs differ."""
    first, second = (json.loads((folder / "manifests.json").read_text(encoding="utf-8")) for folder in (one, other))
    yield from _between(first, second, "")
    arrays = [_weights(folder) for folder in (one, other)]
    for name in sorted(arrays[0].keys() | arrays[1].keys()):
        pair = [part.get(name) for part in arrays]
        if any(part is None for part in pair) or not np.array_equal(pair[0], pair[1]):  # type: ignore[arg-type]
            yield f"model.h5: {name} differs"


def _between(one: Any, other: Any, place: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted((one.keys() | other.keys()) - CHANGING):
            if key not in one and key in NEW:
                continue
            yield from _between(one.get(key), other.get(key), f"{place}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from _between(*pair, f"{place}/{number}")
    elif one != other and not place.endswith("/note"):
        yield f"{place}: {json.dumps(one)[:200]} | {json.dumps(other)[:200]}"


def _weights(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    (path,) = folder.rglob("model.h5")
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def _named(name: str) -> bool:
    stages = "|".join(Stage)
    return re.fullmatch(rf"[^/]+/(stages/({stages})|trials/[0-9a-f]+)\.json", name) is not None


@contextmanager
def _running(checkout: Path, data: Path) -> Iterator[tuple[str, str]]:
    """The addresses of function and buckets while the service runs."""
    command = _program(checkout, "up", "--data", str(data))
    with subprocess.Popen(command, env=_environment(checkout), cwd=checkout, stdout=subprocess.PIPE, text=True) as up:
        try:
            told: dict[str, str] = {}
            while "buckets" not in told and up.stdout and (line := up.stdout.readline()):
                name, _, address = line.strip().partition(" ")
                told[name] = address.strip()
            yield told["function"], told["buckets"]
        finally:
            up.send_signal(signal.SIGTERM)


def _program(checkout: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "infra.cli.main", *arguments]


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout)}


if __name__ == "__main__":
    sys.exit(main())
