"""The results that the stages of a job have committed so far, typed."""

from __future__ import annotations

from typing import TypeVar

from jobs.errors import Bug
from jobs.job import Stage
from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson
from vm_worker.results.candidates import Selected
from vm_worker.results.evaluated import Evaluated
from vm_worker.results.exported import Exported
from vm_worker.results.intake import TakenIn
from vm_worker.results.trials import Tuned

Result = TypeVar("Result", bound=AsJson)


class CommittedResults:
    """The results of the stages that have run. Each property raises Bug when its stage has not run."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}  # the time that each stage took
        self._plain: dict[Stage, JsonObject] = {}
        self._read: dict[Stage, AsJson] = {}

    def __contains__(self, stage: Stage) -> bool:
        return stage in self._plain

    def add(self, stage: Stage, result: JsonObject, seconds: float) -> None:
        """Keep the committed result of a stage, given as JSON."""
        self._plain[stage], self.seconds[stage] = result, seconds
        self._read.pop(stage, None)

    @property
    def taken_in(self) -> TakenIn:
        """The result of the intake stage: the photos."""
        return self.read(Stage.INTAKE, TakenIn)

    @property
    def selected(self) -> Selected:
        """The result of the select stage: the candidates and the winner."""
        return self.read(Stage.SELECT, Selected)

    @property
    def tuned(self) -> Tuned:
        """The result of the tune stage: the trials, and whether tuning made the winner better."""
        return self.read(Stage.TUNE, Tuned)

    @property
    def evaluated(self) -> Evaluated:
        """The result of the evaluate stage: the figures of the test photos."""
        return self.read(Stage.EVALUATE, Evaluated)

    @property
    def exported(self) -> Exported:
        """The result of the export stage: the files."""
        return self.read(Stage.EXPORT, Exported)

    def read(self, stage: Stage, kind: type[Result]) -> Result:
        """Return the result of a stage as a value of the given type. Raises Bug when the stage has not run."""
        if stage not in self._plain:
            raise Bug(f"the stage {stage} has not run")
        found = self._read.get(stage)
        if not isinstance(found, kind):
            found = self._read[stage] = kind.from_json(self._plain[stage])
        return found
