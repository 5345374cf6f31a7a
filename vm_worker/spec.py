"""The spec of an attempt: one JSON file with everything that its child process is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jobs.job import Stage
from jobs.json_values import JsonObject
from jobs.limits import Limits
from jobs.options import Options

USUAL_STAGES = "vm_worker.stages.table"


@dataclass(frozen=True)
class Done:
    """A stage or a trial that an earlier attempt has committed. The attempt adopts it instead of making it again."""

    result: JsonObject
    seconds: float
    stage: Stage = Stage.TUNE  # of a trial: the stage that it is a part of


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster for candidates and trials, and the resources of each of its tasks."""

    address: str = ""  # empty: no cluster; "local": a Ray cluster that is started on this machine
    workers: int = 0  # tasks at the same time; 0: as many as the cluster has room for
    cpus: float = 1.0  # processors for a task
    gpus: float = 0.0  # GPUs for a task


@dataclass(frozen=True)
class BaseSpec:
    """An earlier model that the job may continue from, as the worker has fetched it."""

    folder: Path  # with its manifest and files; deleted where the earlier model is
    lost: str = ""  # why it cannot be used: "deleted" or "damaged"


@dataclass(frozen=True)
class Spec:
    """The spec of one attempt at one job."""

    job: str  # the first 8 characters of the job's ID
    dataset: Path  # the user's zip
    folder: Path  # the folder for the stages' files
    options: Options
    limits: Limits
    seconds: float  # seconds left of the budget
    created_at: str  # time of the upload in ISO 8601
    started_at: str
    weights: str = ""  # a folder with files <key>.weights.h5
    download_weights: bool = False
    done: Mapping[str, Done] = field(default_factory=dict)  # committed stages by name
    trials: Mapping[str, Done] = field(default_factory=dict)  # committed trials by key, 40 hex digits
    hourly_price: float = 0.0  # the price of the machine; 0: not known
    cluster: Cluster = field(default_factory=Cluster)
    bases: tuple[BaseSpec, ...] = ()  # one for each of the option `base`, in its order
    stages: str = USUAL_STAGES  # the module whose list STAGES the child runs
    counted: float | None = None  # time.monotonic() of this machine when the budget was counted; None: now

    def save(self, path: Path) -> None:
        """Write the spec as JSON."""
        plain = asdict(self) | {
            "dataset": str(self.dataset),
            "folder": str(self.folder),
            "options": self.options.to_json(),
            "bases": [{"folder": str(one.folder), "lost": one.lost} for one in self.bases],
        }
        path.write_text(json.dumps(plain, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Spec:
        """Read a spec that `save` wrote."""
        plain = json.loads(path.read_text(encoding="utf-8"))
        plain["dataset"] = Path(plain["dataset"])
        plain["folder"] = Path(plain["folder"])
        plain["options"] = Options.from_json(plain["options"])
        plain["limits"] = Limits(**plain["limits"])
        plain["bases"] = tuple(BaseSpec(Path(one["folder"]), one["lost"]) for one in plain["bases"])
        plain["cluster"] = Cluster(**plain["cluster"])
        for committed in ("done", "trials"):
            plain[committed] = {
                name: Done(**{**done, "stage": Stage(done["stage"])}) for name, done in plain[committed].items()
            }
        return cls(**plain)
