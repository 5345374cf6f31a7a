"""The write-once manifests of a job's stages, and the files that they name.

A stage is committed by creating `<id>/stages/<stage>.json`. A manifest that exists is adopted: its
files replace one's own, and the stage is not made again.
"""

from __future__ import annotations

import hashlib
import json
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

T = TypeVar("T")


class Ledger:
    """One attempt's view of its job's stages. Its calls block: they belong into a transfer thread."""

    def __init__(self, queue: Queue, job: Job, folder: Path) -> None:
        if job.lease is None:
            raise Bug(f"job {job.short_id} has no owner")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._id = job.id
        self._token = job.lease.token
        self._clock = queue.clock
        self._models = queue.buckets.models
        self._datasets = queue.buckets.datasets
        self._manifests: dict[str, dict[str, Any]] = {}

    @property
    def complete(self) -> bool:
        """Whether every stage that the child makes is committed."""
        return Stage.REPORT in self._manifests

    def fetch_dataset(self, path: Path) -> None:
        """Download the user's zip. Raises Transient."""
        try:
            self._retry(lambda: self._datasets.download(f"{self._id}.zip", path))
        except FileNotFoundError:
            raise Transient("the dataset is gone: its job was deleted, or another worker has ended it") from None

    def adopt_all(self) -> dict[str, Done]:
        """What earlier attempts have committed, their files fetched. Raises Transient."""
        for stage in Stage:
            manifest = self._read(stage)
            if manifest is not None:
                self._adopt(stage, manifest)
        return {stage: Done(m["result"], m["seconds"]) for stage, m in self._manifests.items()}

    def commit(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Upload the stage's files, then write its manifest once; the answer for the child. Raises Transient."""
        stage = Stage(event["stage"])
        manifest = {
            "stage": stage,
            "token": self._token,
            "seconds": event["seconds"],
            "result": event["result"],
            "files": {entry["name"]: self._upload(entry) for entry in event["files"]},
        }
        data = json.dumps(manifest, indent=1).encode()
        try:
            self._retry(lambda: self._models.put(self._name(stage), data, if_generation=0))
        except PreconditionFailed:
            there = self._read(stage)
            if there is not None and there["token"] != self._token:
                self._adopt(stage, there)
                return {"adopt": there["result"]}
        self._manifests[stage] = manifest
        return {"go": stage}

    def public_files(self) -> dict[str, dict[str, Any]]:
        """What the user may download: name -> object, bytes, content_type."""
        return {
            name: {key: entry[key] for key in ("object", "bytes", "content_type")}
            for manifest in self._manifests.values()
            for name, entry in manifest["files"].items()
            if entry["public"]
        }

    def kept(self) -> tuple[str, ...]:
        """The objects of a finished job; everything else under its prefix is left over."""
        files = tuple(str(entry["object"]) for entry in self.public_files().values())
        return files + tuple(self._name(stage) for stage in self._manifests)

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

    def _adopt(self, stage: Stage, manifest: dict[str, Any]) -> None:
        for name, entry in manifest["files"].items():
            self._fetch(str(entry["object"]), self.folder / name)
        self._manifests[stage] = manifest

    def _fetch(self, name: str, path: Path) -> None:
        self._retry(lambda: self._models.download(name, path))

    def _read(self, stage: Stage) -> dict[str, Any] | None:
        blob = self._retry(lambda: self._models.get(self._name(stage)))
        return None if blob is None else dict(json.loads(blob.data))

    def _name(self, stage: str) -> str:
        return f"{self._id}/stages/{stage}.json"

    def _retry(self, call: Callable[[], T]) -> T:
        for tries in range(1, TRIES):
            try:
                return call()
            except Transient:
                self._clock.sleep(STORAGE.wait(tries))
        return call()
