"""The write-once manifests of a job's stages and trials, and the files that they name.

A stage is committed when `<id>/stages/<stage>.json` is created, a trial when `<id>/trials/<key>.json` is created.
An attempt adopts a manifest that exists: the files of the manifest replace its own, and the work is not repeated.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from jobs.errors import Bug, Transient
from jobs.job import FileEntry, Job, Stage
from jobs.json_values import JsonObject
from jobs.outcomes import ALL_FILES
from jobs.queue import Queue
from jobs.retries import STORAGE
from jobs.storage.store import PreconditionFailed
from vm_worker.as_json import AsJson, only_if_known
from vm_worker.events import Answer, File, StageOffer, TrialOffer
from vm_worker.results.earlier import is_photos, photos_name
from vm_worker.spec import Done

log = logging.getLogger(__name__)

ZIP_BYTES = 500 * 10**6  # larger ones take long to make, and each is kept twice
TRIES = 5
TRIAL_KEY = re.compile(r"[0-9a-f]{40}")

T = TypeVar("T")


@dataclass(frozen=True)
class ManifestFile(AsJson):
    """A file of a committed stage, in the bucket."""

    object: str  # the object's name in the bucket of models
    bytes: int
    sha256: str
    content_type: str
    public: bool  # true: the user may download the file


@dataclass(frozen=True, kw_only=True)
class Manifest(AsJson):
    """The record of one committed stage or trial."""

    stage: Stage | None = only_if_known()  # of a trial: the stage that it is a part of; None: tune
    trial: str | None = only_if_known()  # the trial's key, 40 hex digits
    token: int  # the fencing token of the lease under which it was written
    seconds: float  # the time that the work took
    result: JsonObject
    files: Mapping[str, ManifestFile]  # key: the file's name in the attempt's folder

    @property
    def done(self) -> Done:
        """Return the result for the child of the next attempt, which adopts it."""
        return Done(self.result, self.seconds)

    @property
    def of(self) -> Stage:
        """The stage, or that of the trial."""
        return self.stage or Stage.TUNE


class Manifests:
    """The stages and trials of a job, as one attempt uses them. Its methods block: call them in the transfer thread."""

    def __init__(self, queue: Queue, job: Job, folder: Path, check: Callable[[], None]) -> None:
        """Keep the job and the attempt's folder; `check` raises LeaseLost for an owner that must not write any more."""
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
        """True when every stage that the child runs is committed."""
        return Stage.REPORT in self._stages

    @property
    def stages(self) -> dict[str, Done]:
        """The committed stages, by name."""
        return {stage: manifest.done for stage, manifest in self._stages.items()}

    @property
    def trials(self) -> dict[str, Done]:
        """The committed trials, by key."""
        return {key: replace(manifest.done, stage=manifest.of) for key, manifest in self._trials.items()}

    @property
    def seconds(self) -> float:
        """The seconds of the budget that committed work has used.

        The time of a stage includes the trials of its own attempt.
        """
        owners = {name: stage.token for name, stage in self._stages.items()}
        trials = (trial.seconds for trial in self._trials.values() if trial.token != owners.get(trial.of))
        return float(sum(stage.seconds for stage in self._stages.values()) + sum(trials))

    def fetch_dataset(self, path: Path) -> None:
        """Download the user's zip. Raises Transient."""
        try:
            self.retry(lambda: self._datasets.download(f"{self._id}.zip", path))
        except FileNotFoundError:
            raise Transient("the dataset is gone: its job was deleted, or another worker has ended it") from None

    def adopt_all(self) -> None:
        """Adopt all results that earlier attempts have committed, and fetch their files. Raises Transient."""
        for stage in Stage:
            manifest = self._read(self._stage_name(stage))
            if manifest is not None:
                self._adopt(manifest)
                self._stages[stage] = manifest
        for stat in self.retry(lambda: list(self._models.list(f"{self._id}/trials/"))):
            manifest = self._read(stat.name)
            if manifest is not None:
                self._trials[str(manifest.trial)] = manifest

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        """Upload the files of a stage or a trial, then create its manifest once; return the answer for the child.

        Raises Transient and LeaseLost, and Bug for a trial with an invalid key.
        """
        if isinstance(offer, TrialOffer):
            key, of = _checked_key(offer.key), None if offer.stage is Stage.TUNE else offer.stage
            return self._commit(self._trial_name(key), self._manifest(offer, stage=of, trial=key), self._trials)
        return self._commit(self._stage_name(offer.stage), self._manifest(offer, stage=offer.stage), self._stages)

    def public_files(self) -> dict[str, FileEntry]:
        """Return the files that the user may download, by name."""
        return {
            name: FileEntry(file.object, file.bytes, file.content_type)
            for manifest in self._stages.values()
            for name, file in manifest.files.items()
            if file.public
        }

    def delivered(self, most: int = ZIP_BYTES) -> dict[str, FileEntry]:
        """Return the public files, and one zip of them all, which it uploads, unless they have over `most` bytes."""
        files = self.public_files()
        if not files or sum(file.bytes or 0 for file in files.values()) > most:
            return files
        try:
            one_zip(self.folder, files)
            packed = self._upload(File(ALL_FILES, True, "application/zip"))
        except (OSError, Transient) as error:  # the job is done without it, too
            log.warning("there is no zip of all files: %s", error)
            return files
        return {**files, ALL_FILES: FileEntry(packed.object, packed.bytes, packed.content_type)}

    def result(self, stage: Stage) -> JsonObject:
        """Return the result of a stage, empty where it is not committed."""
        return self._stages[stage].result if stage in self._stages else {}

    def files(self, names: Iterable[str]) -> dict[str, ManifestFile]:
        """Return the committed files with these names, as far as there are any."""
        found = {name: file for manifest in self._stages.values() for name, file in manifest.files.items()}
        return {name: found[name] for name in names if name in found}

    def photos(self, level: str) -> dict[str, ManifestFile]:
        """Return the zips of photos that were learnt from, the uploaded one last; it is copied beside the model.

        `level` is the option `classes` that the uploaded one was read by.
        """
        added = [name for manifest in self._stages.values() for name in manifest.files if is_photos(name)]
        own = File(photos_name(len(added) + 1, level), False, "application/zip")
        self.fetch_dataset(self.folder / own.name)
        return {**self.files(sorted(added)), own.name: self._upload(own)}

    def put_once(self, name: str, data: bytes) -> bytes:
        """Create an object, or leave the one that is there; return what it holds. Raises Transient."""
        with suppress(PreconditionFailed):
            self.retry(lambda: self._models.put(name, data, if_generation=0))
        there = self.retry(lambda: self._models.get(name))
        return data if there is None else there.data

    def _manifest(
        self, offer: StageOffer | TrialOffer, *, stage: Stage | None = None, trial: str | None = None
    ) -> Manifest:
        """Return the manifest of an offer whose files are uploaded."""
        return Manifest(
            stage=stage,
            trial=trial,
            token=self._token,
            seconds=offer.seconds,
            result=offer.result,
            files={file.name: self._upload(file) for file in offer.files},
        )

    def _commit(self, name: str, manifest: Manifest, into: dict[str, Manifest]) -> Answer:
        identity = str(manifest.trial or manifest.stage)
        there = self._create(name, manifest)
        into[identity] = there or manifest
        if there is None:
            return Answer(go=identity)
        self._adopt(there)
        return Answer(adopt=there.result)

    def _create(self, name: str, manifest: Manifest) -> Manifest | None:
        """Create the manifest, or return the manifest of another attempt that created it first."""
        data = json.dumps(manifest.to_json(), indent=1).encode()
        try:
            self.retry(lambda: self._models.put(name, data, if_generation=0))
        except PreconditionFailed:
            there = self._read(name)
            if there is not None and there.token != self._token:
                return there
        return None

    def _upload(self, file: File) -> ManifestFile:
        path = self.folder / file.name
        name = f"{self._id}/artifacts/{self._token}/{file.name}"
        self.retry(lambda: self._models.upload(name, path, content_type=file.content_type))
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return ManifestFile(name, path.stat().st_size, digest, file.content_type, file.public)

    def _adopt(self, manifest: Manifest) -> None:
        """Fetch the files of a manifest into the attempt's folder."""
        for name, file in manifest.files.items():
            self._fetch(file.object, self.folder / name)

    def _fetch(self, name: str, path: Path) -> None:
        self.retry(lambda: self._models.download(name, path))

    def _read(self, name: str) -> Manifest | None:
        blob = self.retry(lambda: self._models.get(name))
        return None if blob is None else Manifest.from_json(json.loads(blob.data))

    def _stage_name(self, stage: str) -> str:
        return f"{self._id}/stages/{stage}.json"

    def _trial_name(self, key: str) -> str:
        return f"{self._id}/trials/{key}.json"

    def retry(self, call: Callable[[], T]) -> T:
        """Call until the storage answers, a few times. Raises Transient and LeaseLost."""
        for tries in range(1, TRIES):
            self._check()
            try:
                return call()
            except Transient:
                self._clock.sleep(STORAGE.wait(tries))
        self._check()
        return call()


def _checked_key(key: str) -> str:
    """Return a trial's key, which becomes part of an object's name. Raises Bug for any other text."""
    if not TRIAL_KEY.fullmatch(key):
        raise Bug("a trial's key is not 40 hex digits")
    return key


def one_zip(folder: Path, names: Iterable[str]) -> None:
    """Zip the files with these names in the folder, not compressed, as models hardly become smaller."""
    with zipfile.ZipFile(folder / ALL_FILES, "w") as archive:
        for name in sorted(names):
            archive.write(folder / name, name)
