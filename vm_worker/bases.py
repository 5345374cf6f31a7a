"""The models that a job may continue from, fetched by its worker, and the manifest that lets later jobs continue.

Only this installation's models bucket is read. The record names the digest of the manifest, and the manifest those of
the files: what was exchanged meanwhile is not used. Weights and digests are plain arrays; no model file is loaded.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cattrs import BaseValidationError

from jobs.job import Job, Status
from jobs.queue import Queue
from jobs.storage import kept
from vm_worker.manifests import Manifest, ManifestFile, Manifests
from vm_worker.results.earlier import MANIFEST, EarlierModel, is_photos
from vm_worker.spec import BaseSpec

GONE, DAMAGED = "deleted", "damaged"  # why an earlier model is not used


@dataclass(frozen=True)
class Kept:
    """What the record says of a model that later jobs can continue from."""

    task: str = ""  # empty: none can
    sha256: str = ""  # of the manifest's bytes


def fetch(queue: Queue, job: Job, manifests: Manifests, folder: Path) -> tuple[BaseSpec, ...]:
    """Fetch the models that the job may continue from, their files checked, each to its folder. Raises Transient.

    Where a model is gone or damaged the result says so, and the job goes on without it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found = []
    for base, own in _folders(job, folder):
        own.mkdir(parents=True)
        lost = _fetched(queue, base, manifests, own, job.options.add)
        if lost:
            shutil.rmtree(own)
        found.append(BaseSpec(own, lost))
    return tuple(found)


def drop_if_gone(queue: Queue, job: Job, manifests: Manifests, folder: Path) -> None:
    """Delete what was fetched of each model that has been deleted since. Raises Transient."""
    for base, own in _folders(job, folder):
        if own.exists() and manifests.retry(partial(_living, queue, base)) is None:
            shutil.rmtree(own)


def _folders(job: Job, folder: Path) -> list[tuple[str, Path]]:
    """Return the id and the folder of each earlier model."""
    return [(base, folder / str(number)) for number, base in enumerate(job.options.base, 1)]


def keep(manifests: Manifests, job: Job, result: EarlierModel, files: Mapping[str, ManifestFile]) -> Kept:
    """Write the manifest by which later jobs continue from this one's model. Raises Transient."""
    manifest = Manifest(token=job.lease.token if job.lease else 0, seconds=0.0, result=result.to_json(), files=files)
    data = json.dumps(manifest.to_json(), indent=1).encode()
    data = manifests.put_once(kept.manifest_name(job.id), data)
    return Kept(result.task, hashlib.sha256(data).hexdigest())


def _fetched(queue: Queue, base: str, manifests: Manifests, folder: Path, add: bool) -> str:
    """Fetch all files, photos where they are added to; return why the model cannot be used, or nothing."""
    job = manifests.retry(lambda: _living(queue, base))
    blob = manifests.retry(lambda: queue.buckets.models.get(kept.manifest_name(base))) if job else None
    if job is None or blob is None:
        return GONE
    if hashlib.sha256(blob.data).hexdigest() != job.base_sha256:
        return DAMAGED
    try:
        manifest = Manifest.from_json(json.loads(blob.data))
        EarlierModel.from_json(manifest.result)
    except (BaseValidationError, ValueError):
        return DAMAGED
    (folder / MANIFEST).write_bytes(blob.data)
    wanted = [one for one in manifest.files.items() if add or not is_photos(one[0])]
    return next(filter(None, (_file(queue, base, one, manifests, folder) for one in wanted)), "")


def _file(queue: Queue, base: str, one: tuple[str, ManifestFile], manifests: Manifests, folder: Path) -> str:
    """Fetch one file; return why it cannot be used, or nothing."""
    name, file = one
    path = folder / Path(name).name
    if not file.object.startswith(f"{base}/"):
        return DAMAGED
    try:
        manifests.retry(lambda: queue.buckets.models.download(file.object, path))
    except FileNotFoundError:
        return GONE
    with path.open("rb") as opened:
        return "" if hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256 else DAMAGED


def _living(queue: Queue, base: str) -> Job | None:
    """Return the earlier job, or None where it is deleted, past its time, or has nothing to continue from."""
    record = queue.sound(base)
    if record is None or record.job.status is not Status.DONE or not record.job.continues:
        return None
    past = record.job.delete_after is not None and queue.clock.now() >= record.job.delete_after
    return None if past else record.job
