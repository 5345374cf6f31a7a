"""The facts that a report is made from, and the port through which a task adds its own sentences and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.json_values import JsonObject
from jobs.options import Options
from vm_worker.as_json import AsJson
from vm_worker.results.candidates import Selected
from vm_worker.results.evaluated import ModelFigures
from vm_worker.results.exported import Exported
from vm_worker.results.intake import TakenIn
from vm_worker.results.trials import Tuned


@dataclass(frozen=True)
class JobFacts:
    """The job itself."""

    id_short: str
    created_at: str  # ISO 8601
    started_at: str
    options: Options

    def to_json(self) -> JsonObject:
        """The fields as JSON values."""
        return {
            "id_short": self.id_short,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "options": self.options.to_json(),
        }


@dataclass(frozen=True)
class Licence(AsJson):
    """The licence of the winner's pretrained weights."""

    name: str
    attribution: str


class TestedModel(Protocol):
    """What every task's evaluate stage commits: at least the figures of the model itself."""

    @property
    def model(self) -> ModelFigures:
        """Layers, parameters and size."""
        ...


class Sections(Protocol):
    """What a task says in the report. Each method gets the facts of the whole job."""

    @property
    def task(self) -> str:
        """The task's name, by which pages and mails choose their templates."""
        ...

    def subject(self, facts: Facts) -> str:
        """The subject of the mail."""
        ...

    def headline(self, facts: Facts) -> str:
        """One sentence that a person can forward."""
        ...

    def cautions(self, facts: Facts) -> list[str]:
        """What a careful reader of the figures would say."""
        ...

    def next_steps(self, facts: Facts) -> list[str]:
        """What to do with the model, the most useful first."""
        ...

    def figures(self, facts: Facts) -> JsonObject:
        """Keys of report.json for the test photos. A task without templates of its own gives "sections".

        That is a list of {"title", "paragraphs": [sentence], "columns": [name], "rows": [[cell]]}.
        """
        ...

    def draw(self, facts: Facts, folder: Path) -> list[str]:
        """Draw the task's pictures into the folder; returns the names of those that the user may download."""
        ...

    def shown(self, facts: Facts) -> tuple[str, ...]:
        """Names of pictures that an earlier stage has drawn and that the page shows, too."""
        ...

    @property
    def mail_pictures(self) -> tuple[str, ...]:
        """Names of pictures in the mail: none that shows photos, as a mail cannot be deleted afterwards."""
        ...


@dataclass(frozen=True)
class Facts:
    """What the stages committed, and what the report says of the job besides."""

    job: JobFacts
    dataset: TakenIn
    select: Selected
    tune: Tuned
    evaluate: TestedModel
    export: Exported
    sections: Sections
    seconds: Mapping[str, float]  # by stage, of the stages that ended so far
    versions: Mapping[str, str]  # of Python and of the packages
    licence: Licence
    size: int  # pixels: the side of the picture that the winner takes
    quoted_seconds: float | None = None  # told before the training, everything included
    hourly_price: float = 0.0  # of the machine; 0 = not said
    model_days: int = 30  # how long the model can be downloaded
    files_url: str = ""  # absolute, such as https://.../jobs/<id>/files; empty: links to files that lie beside
