"""The facts that a report is made from, and the port through which a task adds its own sentences and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.json_values import JsonObject
from jobs.limits import Limits
from jobs.options import Options
from vm_worker.as_json import AsJson
from vm_worker.results.candidates import PairRow, Selected
from vm_worker.results.evaluated import ModelFigures
from vm_worker.results.exported import Exported
from vm_worker.results.intake import TakenIn
from vm_worker.results.trials import Tuned


@dataclass(frozen=True)
class JobFacts:
    """The facts of the job itself."""

    id_short: str
    created_at: str  # time of the upload in ISO 8601
    started_at: str
    options: Options

    def to_json(self) -> JsonObject:
        """Return the fields as JSON values."""
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
    """The minimum that the evaluate stage of every task commits: the figures of the model itself."""

    @property
    def model(self) -> ModelFigures:
        """The layers, the parameters and the size of the model."""
        ...


class Sections(Protocol):
    """The parts of the report that a task writes. Each method gets the facts of the whole job."""

    @property
    def task(self) -> str:
        """The task's name, which selects the templates of pages and mails."""
        ...

    def subject(self, facts: Facts) -> str:
        """Return the subject of the mail."""
        ...

    def headline(self, facts: Facts) -> str:
        """Return one sentence with the main result, which the user can forward."""
        ...

    def cautions(self, facts: Facts) -> list[str]:
        """Return sentences that warn of weak points in the figures."""
        ...

    def next_steps(self, facts: Facts) -> list[str]:
        """Return sentences that advise the user on the next steps, the most useful first."""
        ...

    def figures(self, facts: Facts) -> JsonObject:
        """Return the keys of report.json for the test photos. A task without its own templates gives "sections".

        That is a list of {"title", "paragraphs": [sentence], "columns": [name], "rows": [[cell]]}.
        """
        ...

    def draw(self, facts: Facts, folder: Path) -> list[str]:
        """Draw the task's pictures into the folder; return the names of the pictures that the user may download."""
        ...

    def shown(self, facts: Facts) -> tuple[str, ...]:
        """Return the names of pictures that an earlier stage has drawn and that the page shows, too."""
        ...

    @property
    def mail_pictures(self) -> tuple[str, ...]:
        """Return the names of the pictures in the mail. None shows photos, as a mail cannot be deleted afterwards."""
        ...


@dataclass(frozen=True)
class Facts:
    """The results that the stages committed, and the other facts that the report shows."""

    job: JobFacts
    dataset: TakenIn
    select: Selected
    tune: Tuned
    evaluate: TestedModel
    export: Exported
    sections: Sections
    seconds: Mapping[str, float]  # the time of each stage that has ended
    versions: Mapping[str, str]  # the versions of Python and of the packages
    licence: Licence
    size: int  # the side in pixels of the square input of the winner
    quoted_seconds: float | None = None  # the time that was quoted before the training, from claim to outcome
    hourly_price: float = 0.0  # the price of the machine; 0: not known
    model_days: int = 30  # days for which the model can be downloaded
    # Why the earlier model could not be used: deleted or damaged; empty: it could, or there is none.
    lost_base: str = ""
    minutes_most: int = Limits().minutes_max  # that a job may ask for

    @property
    def pair(self) -> PairRow | None:
        """The pair that is delivered; None: a network alone is."""
        return None if self.tune.better and self.tune.share is None else self.select.pair
