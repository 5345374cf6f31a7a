"""The spec of an attempt: one JSON file with all that its child process is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jobs.json_values import JsonObject
from jobs.limits import Limits
from jobs.options import Options

USUAL_STAGES = "vm_worker.stages.table"


@dataclass(frozen=True)
class Done:
    """A stage or a trial that an earlier attempt has committed: it is adopted, not made again."""

    result: JsonObject
    seconds: float


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster for candidates and trials, and what each task of it gets."""

    address: str = ""  # empty: none; "local": a Ray that is started on this machine
    workers: int = 0  # tasks at a time; 0 = as many as it has room for
    cpus: float = 1.0  # of a task
    gpus: float = 0.0  # of a task


@dataclass(frozen=True)
class Spec:
    """One attempt at one job."""

    job: str  # the id's first 8 characters
    dataset: Path  # the zip
    folder: Path  # where artifacts are written
    options: Options
    limits: Limits
    seconds: float  # left of the budget
    created_at: str  # ISO 8601
    started_at: str
    weights: str = ""  # a folder of <key>.weights.h5
    download_weights: bool = False
    files_url: str = ""  # absolute; the report's links start with it
    done: Mapping[str, Done] = field(default_factory=dict)  # by stage
    trials: Mapping[str, Done] = field(default_factory=dict)  # by key, 40 hex digits
    hourly_price: float = 0.0  # of the machine; 0 = not said
    cluster: Cluster = field(default_factory=Cluster)
    stages: str = USUAL_STAGES  # the module whose STAGES the child runs

    def save(self, path: Path) -> None:
        """Write as JSON."""
        plain = asdict(self) | {
            "dataset": str(self.dataset),
            "folder": str(self.folder),
            "options": self.options.to_json(),
        }
        path.write_text(json.dumps(plain, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Spec:
        """Read what `save` wrote."""
        plain = json.loads(path.read_text(encoding="utf-8"))
        plain["dataset"] = Path(plain["dataset"])
        plain["folder"] = Path(plain["folder"])
        plain["options"] = Options.from_json(plain["options"])
        plain["limits"] = Limits(**plain["limits"])
        plain["cluster"] = Cluster(**plain["cluster"])
        for committed in ("done", "trials"):
            plain[committed] = {name: Done(**done) for name, done in plain[committed].items()}
        return cls(**plain)
