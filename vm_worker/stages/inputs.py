"""The inputs of the stages: the photos, the pretrained weights, and the selected network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.errors import Bug, UserError
from jobs.job import Stage
from jobs.options import Options
from jobs.tasks import TASKS
from vm_worker.events import ProgressCallback
from vm_worker.intake.dataset import Dataset
from vm_worker.intake.survey import list_upload
from vm_worker.intake.take_in import IntakeRequest, take_in
from vm_worker.learn.design import own_network
from vm_worker.learn.design.sides import SIDES
from vm_worker.learn.networks import catalogue, designed, small_rows
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.networks.weights import OWN, WeightFile, find
from vm_worker.results.designs import ContenderRow, NetworkPlan
from vm_worker.spec import Spec
from vm_worker.stages.artifacts import CONTENDER_WEIGHTS, SCRATCH_WEIGHTS
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.earlier import EarlierInputs
from vm_worker.tasks.task import Task, recognised

DECODERS = 2  # decoding processes; more of them gain nothing on two cores

# A function that receives the share of the photos that is read, 0..1, and a message.


class Inputs:
    """The photos, the weights and the winner of one attempt."""

    def __init__(self, spec: Spec, results: CommittedResults, tell: ProgressCallback) -> None:
        self._spec, self._results, self._tell = spec, results, tell
        self._dataset: Dataset[Any] | None = None
        self._task: Task | None = None
        self.earlier = EarlierInputs(spec, results)
        self._own: str | None = None  # the text of a network that is in the upload; None: not looked for yet
        self._weights: tuple[dict[str, WeightFile], dict[str, str]] | None = None

    @property
    def folder(self) -> Path:
        """The folder for the attempt's files."""
        return self._spec.folder

    @property
    def scratch(self) -> Path:
        """The folder for files that are not kept."""
        folder = self.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def winner(self) -> Backbone:
        """The selected network."""
        plan, key = self.plan, self._results.selected.winner
        if plan is not None:
            return designed.row(key, plan, len(self._results.taken_in.classes))
        return small_rows.find(key)

    @property
    def plan(self) -> NetworkPlan | None:
        """The selected network as text; None: it did not come so."""
        scratch = self._results.selected.from_scratch
        return None if scratch is None else scratch.plan

    @property
    def partner(self) -> Backbone | None:
        """The network that is delivered beside the winner; None: there is none, or the winner, tuned, replaces it."""
        pair, tuned = self._results.selected.pair, Stage.TUNE in self._results and self._results.tuned
        alone = tuned and tuned.better and tuned.share is None
        return None if pair is None or alone else catalogue.find(pair.partner)

    @property
    def delivered(self) -> Backbone:
        """The row of what is delivered: the winner, perhaps with a copy of its upper layers, or a pair with it."""
        partner, winner = self.partner, self.winner
        if Stage.TUNE in self._results and self._results.tuned.share is not None:
            winner = catalogue.with_copy(winner)
        return winner if partner is None else catalogue.joined(winner, partner)

    @property
    def contenders(self) -> tuple[ContenderRow, ...]:
        """The networks that are not delivered but answer the test photos, too."""
        selected = self._results.selected
        return tuple(row for row in selected.contenders or () if row.name != selected.winner)

    @property
    def from_scratch(self) -> bool:
        """True when the winner is a network that this job trained from scratch."""
        return self._results.selected.from_scratch is not None

    def weights(self) -> tuple[dict[str, WeightFile], dict[str, str]]:
        """Return the weights of the candidates, and the reasons why other candidates have none.

        Where no network that was asked for has weights here, they are those of all that have.
        """
        asked, all_keys = self._spec.options.candidates, tuple(CATALOGUE)
        if self._weights is None:
            found, missing = self._find(asked or all_keys)
            self._weights = (found or self._find(all_keys)[0] if asked else found), missing
        return self._weights

    def _find(self, keys: tuple[str, ...]) -> tuple[dict[str, WeightFile], dict[str, str]]:
        return find(keys, self._spec.weights, self._spec.download_weights)

    @property
    def architecture(self) -> str:
        """The text of the user's own network, from the options or the upload; empty: there is none.

        Raises UserError for a file that is too large.
        """
        options = self._spec.options
        if options.architecture or not self.task.squares:
            return options.architecture or ""
        if self._own is None:
            self._own = own_network.text(list_upload(self._spec.dataset, self._spec.limits))
        return self._own

    @property
    def options(self) -> Options:
        """The options, where this machine has a network that was asked for.

        Where it has none, all are tried that it has; where it has none at all, small networks from scratch.
        """
        options, (found, _) = self._spec.options, self.weights()
        if found and (not options.candidates or set(options.candidates) & found.keys()):
            return options
        return replace(options, candidates=(), from_scratch=options.from_scratch or not found)

    def weight(self) -> WeightFile:
        """Return the winner's weights. Raises Bug when this machine does not have them."""
        if self.from_scratch:
            return WeightFile(self.winner.key, self.folder / SCRATCH_WEIGHTS, OWN, self.plan)
        return self.weight_of(self.winner)

    def contender_weight(self, row: ContenderRow) -> WeightFile | None:
        """Return the weights of a network that is not delivered but answers the test photos; None: it has none here."""
        if row.plan is not None:
            return WeightFile(row.name, self.folder / CONTENDER_WEIGHTS, OWN, row.plan)
        backbone = catalogue.find(row.name)
        return self.weight_of(backbone) if backbone.source in self.weights()[0] else None

    def weight_of(self, row: Backbone) -> WeightFile:
        """Return the weights of a pretrained or earlier network. Raises Bug when this machine does not have them."""
        if own := self.earlier.weight(row.key):
            return own
        found, _ = self.weights()
        if row.source not in found:
            raise Bug(f"this machine has no weights for {row.source}")
        return replace(found[row.source], key=row.key)

    @property
    def task(self) -> Task:
        """Return the task that was asked for, or the one that recognises the upload.

        Raises UserError for a file that is no upload.
        """
        if self._task is None:
            found = list_upload(self._spec.dataset, self._spec.limits)
            self._task = recognised(found, self._spec.options.task)
        return self._task

    def dataset(self) -> Dataset[Any]:
        """Return the decoded photos and their split. They are made again when another machine did the intake.

        Raises UserError for photos that cannot be used.
        """
        if self._dataset is None:
            request = IntakeRequest(
                source=self._spec.dataset,
                folder=self.folder / "cache",
                sizes=tuple(sorted(self._sizes())),
                seed=self._spec.options.seed,
                limits=self._spec.limits,
                processes=DECODERS,
            )
            request.folder.mkdir(exist_ok=True)
            first = Stage.INTAKE not in self._results
            if first and self.earlier.several:
                request = replace(request, choose=lambda photos: self.earlier.choose(photos, self.weights()[0]))
            else:
                request = replace(request, before=self.earlier.seen(first), kept=self.earlier.photos(first))
            try:
                self._dataset = take_in(request, self.task.asked(self._spec.options), self._tell)
            except UserError as error:
                raise self.earlier.explained(error, self._other_task()) from error
        return self._dataset

    def _other_task(self) -> str:
        """Return the title of the task that recognises the upload, where a continuing job has another; else nothing."""
        if not self._spec.options.base:
            return ""
        found = recognised(list_upload(self._spec.dataset, self._spec.limits)).name
        return "" if found == self.task.name else TASKS[found].title

    def _sizes(self) -> set[int]:
        """Return the sides in pixels of the squares that the photos are needed in."""
        if not self.task.squares:
            return set()
        if Stage.SELECT in self._results:
            sizes = {row.plan.side if row.plan else catalogue.find(row.name).size for row in self.contenders}
            return {self.winner.size, self.delivered.size, *sizes}
        keys = (*catalogue.with_larger(self.weights()[0]), *self.earlier.possible_keys)
        sizes = {catalogue.find(key).size for key in keys}
        options = self.options
        texts = bool(options.design or self.architecture)
        return sizes | (SIDES if texts else {small_rows.SIZE} if options.small_networks else set())
