"""Run a search: ask a searcher for designs, try them, tell it the outcomes, until a condition ends it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Point

D = TypeVar("D", bound=Hashable)
Contra = TypeVar("Contra", contravariant=True)


class Trials(Protocol[Contra]):
    """The port to whoever tries designs."""

    def announce(self, designs: Sequence[Contra]) -> None:
        """Begin these designs early, where several run at a time.

        They are attempted next, in this order, unless the search ends before.
        """
        ...

    def attempt(self, design: Contra) -> Outcome:
        """Try a design and return its outcome; one without an error: it was not tried."""
        ...


@dataclass(frozen=True)
class EndPolicy:
    """The conditions that end a search."""

    most: int | None = None  # trials; None: no limit
    patience: int = 6  # trials without a lower error
    solved: float = 1e-3  # a mean squared error below which the validation photos cannot tell trials apart
    stopped: Callable[[], str] = lambda: ""  # says why the search is to end now; empty: it goes on


class SearchLoop(Generic[D]):
    """A search in progress. It ends after so many trials, when patience ends, or when no trial fits the time."""

    def __init__(
        self, searcher: Searcher, decode: Callable[[Point], D], trials: Trials[D], policy: EndPolicy | None = None
    ) -> None:
        self._searcher, self._decode, self._trials = searcher, decode, trials
        self._policy = policy or EndPolicy()
        self._seen: dict[D, Outcome] = {}
        self._count, self._patience, self._best = 0, self._policy.patience, 1.0

    def know(self, design: D, outcome: Outcome) -> None:
        """Note a trial's outcome. A design that is suggested again is not tried again."""
        self._seen[design] = outcome
        if outcome.error is not None:
            self._count += 1
            self._patience = self._policy.patience if outcome.error < self._best else self._patience - 1
            self._best = min(self._best, outcome.error)

    def run(self) -> str:
        """Try the searcher's suggestions until the search ends; return how it ended, as a sentence."""
        while batch := self._searcher.ask():
            designs, before = [self._decode(point) for point in batch], self._count
            if not self._over():
                self._trials.announce(self._coming(designs))
            for design in designs:
                if design not in self._seen:
                    if reason := self._over():
                        return reason
                    self.know(design, self._trials.attempt(design))
            if self._count == before:
                return f"no other trial fitted the time; {self._searcher.outcome}"
            self._searcher.tell([self._seen[design] for design in designs])
        return self._searcher.outcome

    def _coming(self, designs: Sequence[D]) -> list[D]:
        """Return the designs that are new, as many as are still allowed."""
        new = [design for design in dict.fromkeys(designs) if design not in self._seen]
        return new if self._policy.most is None else new[: self._policy.most - self._count]

    def _over(self) -> str:
        """Return why the search ends now; empty: it goes on."""
        if reason := self._policy.stopped():
            return reason
        if self._best < self._policy.solved:
            return "the validation photos leave nothing to gain"
        if self._count == self._policy.most:
            return f"as many trials as were asked for; {self._searcher.outcome}"
        if self._patience <= 0:
            return f"{self._policy.patience} trials brought nothing better; {self._searcher.outcome}"
        return ""
