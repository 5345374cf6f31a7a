"""The write-once manifests of a job's stages and trials, and the files that they name.

A stage is committed by creating `<id>/stages/<stage>.json`, a trial by creating `<id>/trials/<key>.json`.
A manifest that exists is adopted: its files replace one's own, and its work is not done again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from jobs.errors import Bug, Transient
from jobs.job import Job, Stage
from jobs.queue import Queue
from jobs.retries import STORAGE
from jobs.store import PreconditionFailed
from vm_worker.spec import Done

TRIES = 5
TRIAL_KEY = re.compile(r"[0-9a-f]{40}")

T = TypeVar("T")
Manifest = dict[str, Any]


class Manifests:
    """One attempt's view of its job's stages and trials. Its calls block: they belong into a transfer thread."""

    def __init__(self, queue: Queue, job: Job, folder: Path, check: Callable[[], None]) -> None:
        """`check` raises LeaseLost for an owner that must write nothing more."""
        if job.lease is None:
            raise Bug(f"job {job.short_id} has no owner")
        self.folder = folder
        self._check = check
        self._id = job.id
        self._token = job.lease.token
        self._clock = queue.clock
        self._models = queue.buckets.models
        self._datasets = queue.buckets.datasets
        self._stages: dict[str, Manifest] = {}
        self._trials: dict[str, Manifest] = {}

    @property
    def complete(self) -> bool:
        """Whether every stage that the child makes is committed."""
        return Stage.REPORT in self._stages

    @property
    def stages(self) -> dict[str, Done]:
        """The committed stages, by name."""
        return {stage: _done(manifest) for stage, manifest in self._stages.items()}

    @property
    def trials(self) -> dict[str, Done]:
        """The committed trials, by key."""
        return {key: _done(manifest) for key, manifest in self._trials.items()}

    @property
    def seconds(self) -> float:
        """What is paid of the budget. Trials of the attempt that committed the tuning are part of its seconds."""
        tuner = self._stages[Stage.TUNE]["token"] if Stage.TUNE in self._stages else None
        trials = (trial["seconds"] for trial in self._trials.values() if trial["token"] != tuner)
        return float(sum(stage["seconds"] for stage in self._stages.values()) + sum(trials))

    def fetch_dataset(self, path: Path) -> None:
        """Download the user's zip. Raises Transient."""
        try:
            self._retry(lambda: self._datasets.download(f"{self._id}.zip", path))
        except FileNotFoundError:
            raise Transient("the dataset is gone: its job was deleted, or another worker has ended it") from None

    def adopt_all(self) -> None:
        """Take over what earlier attempts have committed, their files fetched. Raises Transient."""
        for stage in Stage:
            manifest = self._read(self._stage_name(stage))
            if manifest is not None:
                self._adopt(manifest)
                self._stages[stage] = manifest
        for stat in self._retry(lambda: list(self._models.list(f"{self._id}/trials/"))):
            manifest = self._read(stat.name)
            if manifest is not None:
                self._trials[manifest["trial"]] = manifest

    def commit(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write a stage's or a trial's manifest once, its files first; the answer for the child.

        Raises Transient, and LeaseLost.
        """
        if event["event"] == "trial":
            key = _key(event)
            return self._commit(event, self._trial_name(key), self._trials, {"trial": key})
        stage = Stage(event["stage"])
        return self._commit(event, self._stage_name(stage), self._stages, {"stage": stage})

    def public_files(self) -> dict[str, dict[str, Any]]:
        """What the user may download: name -> object, bytes, content_type."""
        return {
            name: {key: entry[key] for key in ("object", "bytes", "content_type")}
            for manifest in self._stages.values()
            for name, entry in manifest["files"].items()
            if entry["public"]
        }

    def _commit(
        self, event: Mapping[str, Any], name: str, into: dict[str, Manifest], what: Mapping[str, str]
    ) -> Mapping[str, Any]:
        manifest = {
            **what,
            "token": self._token,
            "seconds": event["seconds"],
            "result": event["result"],
            "files": {entry["name"]: self._upload(entry) for entry in event["files"]},
        }
        (identity,) = what.values()
        there = self._create(name, manifest)
        into[identity] = there or manifest
        if there is None:
            return {"go": identity}
        self._adopt(there)
        return {"adopt": there["result"]}

    def _create(self, name: str, manifest: Manifest) -> Manifest | None:
        """Write once; the manifest of another attempt where that was first."""
        data = json.dumps(manifest, indent=1).encode()
        try:
            self._retry(lambda: self._models.put(name, data, if_generation=0))
        except PreconditionFailed:
            there = self._read(name)
            if there is not None and there["token"] != self._token:
                return there
        return None

    def _upload(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        path = self.folder / entry["name"]
        name = f"{self._id}/artifacts/{self._token}/{entry['name']}"
        self._retry(lambda: self._models.upload(name, path, content_type=entry["content_type"]))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {
            "object": name,
            "bytes": path.stat().st_size,
            "sha256": digest,
            "content_type": entry["content_type"],
            "public": entry["public"],
        }

    def _adopt(self, manifest: Manifest) -> None:
        for name, entry in manifest["files"].items():
            self._fetch(str(entry["object"]), self.folder / name)

    def _fetch(self, name: str, path: Path) -> None:
        self._retry(lambda: self._models.download(name, path))

    def _read(self, name: str) -> Manifest | None:
        blob = self._retry(lambda: self._models.get(name))
        return None if blob is None else dict(json.loads(blob.data))

    def _stage_name(self, stage: str) -> str:
        return f"{self._id}/stages/{stage}.json"

    def _trial_name(self, key: str) -> str:
        return f"{self._id}/trials/{key}.json"

    def _retry(self, call: Callable[[], T]) -> T:
        for tries in range(1, TRIES):
            self._check()
            try:
                return call()
            except Transient:
                self._clock.sleep(STORAGE.wait(tries))
        self._check()
        return call()


def _done(manifest: Manifest) -> Done:
    return Done(manifest["result"], manifest["seconds"])


def _key(event: Mapping[str, Any]) -> str:
    """The trial's key, which becomes part of an object's name. Raises Bug."""
    if not TRIAL_KEY.fullmatch(str(event["key"])):
        raise Bug("a trial's key is not 40 hex digits")
    return str(event["key"])
