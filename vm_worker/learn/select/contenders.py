"""The best designed network and the best pretrained one of a selection: both answer the test photos, after the choice.

Which of them is delivered, if any, the validation photos have chosen. The other one is kept as it was then: a designed
network has learnt from the training photos, the head of a pretrained one from the validation photos, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import designed, small_rows
from vm_worker.learn.networks.catalogue import BASE
from vm_worker.learn.select import ranking
from vm_worker.learn.select.ranking import Candidate
from vm_worker.learn.select.scratch_candidates import ScratchModel
from vm_worker.learn.select.selection_table import CandidateRecord, SelectionTable
from vm_worker.results.designs import DESIGNED, PRETRAINED


@dataclass(frozen=True)
class Contender:
    """The best network of one kind. One that is selected needs no head and no model here."""

    kind: str  # DESIGNED | PRETRAINED
    record: CandidateRecord
    head: Head | None = None
    model: ScratchModel | None = None

    @property
    def selected(self) -> bool:
        """Whether it is the winner of the selection."""
        return self.head is None


def contenders(
    table: SelectionTable,
    models: Mapping[str, ScratchModel],
    objective: str,
    refit: Callable[[Candidate], Head],
) -> tuple[Contender, ...]:
    """Return the best network of either kind; none where one of the kinds has none.

    `models` are the networks that were trained from scratch, by key. `refit` trains the head of a pretrained one on
    all photos but the test photos.
    """
    ours = models.get(designed.DESIGNED)
    others = [one for one in table.candidates if _pretrained(one.backbone.key)]
    if ours is None or not others:
        return ()
    chosen = table.best().candidate
    winner, best = chosen.backbone.key, chosen if chosen in others else ranking.winner(others, objective)
    first, second = Contender(DESIGNED, table.record(ours.candidate)), Contender(PRETRAINED, table.record(best))
    if winner != designed.DESIGNED:
        first = Contender(DESIGNED, first.record, ours.head, ours)
    if winner != best.backbone.key:
        second = Contender(PRETRAINED, second.record, refit(best))
    return first, second


def _pretrained(key: str) -> bool:
    return key not in small_rows.ROWS and key not in designed.TITLES and not key.startswith(BASE)
