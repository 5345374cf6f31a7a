"""Run the trials of a study by an executor, or read those that an earlier attempt has committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from jobs.json_values import JsonObject
from vm_worker.executors.choice import Ahead
from vm_worker.executors.executor import Executor, OutOfMemory, TaskFailed
from vm_worker.search.searcher import Outcome
from vm_worker.search.study import Results, Study, TrialRun

D = TypeVar("D", bound=Hashable)

Commit = Callable[[str, float, JsonObject], JsonObject]  # key, seconds, result -> the result that is committed

NO_MEMORY = "it needs more memory than there is"


@dataclass(frozen=True)
class Committed:
    """The committed results of earlier attempts, and the function that commits a new one."""

    results: Mapping[str, JsonObject] = field(default_factory=dict)  # by key
    offer: Commit = lambda key, seconds, result: result


class TrialRunner(Generic[D]):
    """A runner of one study's trials. Each trial is run only once."""

    def __init__(
        self, study: Study[D], results: Results[D], executor: Executor, committed: Committed, search: str
    ) -> None:
        """Run trials of this study. `search` is the name of the algorithm that suggests the designs."""
        self._study, self._results, self._committed, self._search = study, results, committed, search
        self._ahead = Ahead(executor)
        self._outcomes: dict[str, Outcome] = {}

    def announce(self, designs: Sequence[D]) -> None:
        """Begin the designs that fit the time, where several run at a time."""
        self._results.batch_begins()
        for design in designs:
            fitting = self._study.fits(design, self._ahead)
            if fitting is not None and (key := self._study.key(fitting)) not in self._committed.results:
                self._ahead.begin(key, self._study.task(fitting, key))

    def attempt(self, design: D) -> Outcome:
        """Try a suggestion, or a smaller design in its place where the time is short."""
        fitting = self._study.fits(design, self._ahead)
        return Outcome(None) if fitting is None else self.run(self._search, design, fitting)

    def run(self, kind: str, suggested: D, design: D) -> Outcome:
        """Try exactly this design, or read an earlier attempt's result, and record it. Each key is run once."""
        key = self._study.key(design)
        if key not in self._outcomes:
            result = self._committed.results.get(key)
            if result is None:
                result = self._tried(key, kind, suggested, design)
            self._outcomes[key] = self._results.record(kind, design, result)
        return self._outcomes[key]

    def _tried(self, key: str, kind: str, suggested: D, design: D) -> JsonObject:
        """Run the trial and return the committed result. Where memory is short, try smaller designs under its key."""
        self._results.started(key)
        started, tried = time.monotonic(), design
        while True:
            try:
                result = self._ahead.result(key, self._study.task(tried, key))
                break
            except OutOfMemory:
                smaller = self._study.smaller(tried)
                if smaller is None:
                    return {"note": NO_MEMORY}
                tried = smaller
            except TaskFailed as error:
                return {"note": f"it failed: {error}"[:200]}
        kept = self._results.committable(TrialRun(kind, suggested, design, tried), result)
        if kept is None:
            return result
        return self._committed.offer(key, time.monotonic() - started, kept)
