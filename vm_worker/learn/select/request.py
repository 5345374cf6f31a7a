"""What a selection is given, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.options import Options
from vm_worker.learn.arrays import Floats
from vm_worker.learn.budget import Budget
from vm_worker.learn.crowding import alone_here
from vm_worker.learn.design.designing import Rooms
from vm_worker.learn.features.engines import BATCH
from vm_worker.learn.features.extraction import Extract, alone
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.findings import Findings
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.select.contenders import Contender
from vm_worker.learn.select.earlier import EarlierNetworks
from vm_worker.learn.select.mean_features import MeanFeatures
from vm_worker.learn.select.pairs import Pair
from vm_worker.learn.select.scratch_candidates import POLICY as SCRATCH_POLICY
from vm_worker.learn.select.scratch_candidates import ScratchModel, ScratchPolicy
from vm_worker.learn.select.time_shares import VIEWS, Finishing
from vm_worker.results.candidates import CandidateRow, Continued, CurvePoint, PruningRow, SuspectRow
from vm_worker.results.designs import Designed

LARGER_SECONDS = 60.0  # of an idle machine's time; with less, networks are tried at their own side alone
LEAST_IMAGES = 4 * BATCH  # photos that are sent through the first candidate even past the budget


@dataclass(frozen=True)
class SelectionRequest:
    """The candidates to choose from, the photos, the settings, and the deadline."""

    dataset: LabelledPhotos
    weights: Mapping[str, WeightFile]  # by the network's key
    options: Options
    budget: Budget
    folder: Path  # where features and weights are written
    extract: Extract = alone  # sends photos through a network
    finishing: Finishing | None = None  # seconds of the work after tuning; None: of the test alone
    least_finishing: Finishing | None = None  # seconds of what no job does without after tuning; None: as `finishing`
    least_images: int = LEAST_IMAGES  # photos that are sent through the first candidate even past the budget
    scratch: ScratchPolicy = SCRATCH_POLICY
    rooms: Rooms = field(default_factory=Rooms)  # where the trainings of a search for a network run
    slowness: Callable[[], float] = alone_here  # how many times as long as usual work takes now
    views: int = VIEWS  # random views of each photo that heads learn from besides, at most; 0: none
    earlier: EarlierNetworks | None = None  # the model that the job continues from

    def candidates(self) -> list[str]:
        """Return the keys of the candidates: networks that have weights, at sides that the time allows."""
        keys = [key for key in self.options.candidates or CATALOGUE if key in self.weights]
        if self.budget.remaining() / self.slowness() > LARGER_SECONDS:
            keys = catalogue.with_larger(keys)
        return [key for key in keys if catalogue.find(key).size in self.dataset.images]

    def weight(self, backbone: Backbone) -> WeightFile:
        """Return the weights of a candidate."""
        own = None if self.earlier is None else self.earlier.weights.get(backbone.key)
        return own or replace(self.weights[backbone.source], key=backbone.key)


@dataclass(frozen=True)
class Selection:
    """The winner, its head, and the figures of all candidates."""

    winner: str  # its key
    head: Head  # the winner's, trained on train+validation after the figures below were taken
    candidates: tuple[CandidateRow, ...]
    curve: tuple[CurvePoint, ...]
    note: str  # why it won, and what ties with it
    images_per_second: float  # through the winner, by the engine that extracts features
    plain_images_per_second: float  # through the winner by Keras, which tests and training use
    pruning: tuple[PruningRow, ...]  # the probe of each candidate; empty where all candidates got all photos
    findings: Findings
    suspects: tuple[SuspectRow, ...]  # photos that may be in the wrong folder
    from_scratch: ScratchModel | None = None  # the winner, where it was trained from scratch
    # (m, k): probabilities of the validation photos by what is selected, unseen; None: not of all.
    bar: Floats | None = None
    # The winner's head in the same form, trained on the training photos alone, where tuning may start from it.
    unseen: Head | None = None
    pair: Pair | None = None  # of the winner and another network, where their mean does better
    continued: Continued | None = None  # what the earlier model was worth
    design: Designed | None = None  # the search for a network, where there was one
    mean: MeanFeatures | None = None  # of the photos; None: the network that makes them was no candidate
    contenders: tuple[Contender, ...] = ()  # the best designed network and the best pretrained one, if there are both
    learnt: int | None = None  # photos that the head has learnt from, where the time did not suffice for all
