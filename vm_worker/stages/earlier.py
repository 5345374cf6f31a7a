"""The earlier model that a job continues from, as its stages use it: what it has seen, its networks and heads.

Of several the intake stage chooses one. What depends on it is committed with the stages, so that another machine goes
on alike where the model is deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Container
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import UserError
from jobs.job import Stage
from vm_worker.intake.earlier.seen import SeenPhotos
from vm_worker.intake.earlier.use import Use
from vm_worker.intake.take_in import DecodedPhotos
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.weights import EARLIER, WeightFile
from vm_worker.results.earlier import BASE_HEAD, BASE_PARTNER, BASE_WEIGHTS, PHOTOS, SEEN, EarlierModel, OfferedRow
from vm_worker.spec import Spec
from vm_worker.stages.artifacts import BEFORE, START
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.fetched import FetchedModel, compared

if TYPE_CHECKING:
    from vm_worker.learn.select.earlier import EarlierNetworks


# Why the photos that the earlier job kept could not be added to.
MISSING = {
    "deleted": "The earlier job was deleted meanwhile, and with it the photos that these were to be added to.",
    "damaged": "The photos that these were to be added to are not as they were stored; send old and new ones together.",
}


class EarlierInputs:
    """The earlier model of one attempt; without one, it has nothing."""

    def __init__(self, spec: Spec, results: CommittedResults | None = None) -> None:
        self._spec, self._results = spec, results or CommittedResults()
        self._offered: tuple[OfferedRow, ...] | None = None  # as this attempt has compared them

    @property
    def several(self) -> bool:
        """Whether there was more than one model to choose from."""
        return len(self._spec.bases) > 1

    @property
    def offered(self) -> tuple[OfferedRow, ...] | None:
        """What was found when one of several models was chosen; None: it was not yet, or there is no choice.

        What an attempt has committed holds for those after it.
        """
        return self._results.taken_in.offered if Stage.INTAKE in self._results else self._offered

    @property
    def _fetched(self) -> FetchedModel | None:
        """The model that the job continues from, of several the chosen one; None: it continues from none."""
        bases = self._spec.bases
        if not bases:
            return None
        chosen = (place for place, row in enumerate(self.offered or ()) if row.chosen)
        return FetchedModel(bases[next(chosen, 0)])

    @property
    def _folder(self) -> Path | None:
        """The folder of the fetched model; None where there is none, or none any more."""
        return None if self._fetched is None else self._fetched.folder

    @property
    def model(self) -> EarlierModel | None:
        """What the model's manifest says; None where there is none."""
        return None if self._fetched is None else self._fetched.model

    @property
    def lost(self) -> str:
        """Why the model that was asked for cannot be used: "deleted" or "damaged"; empty: it can, or none was."""
        return "" if self._fetched is None else self._fetched.lost

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its networks in the catalogue, by which they are candidates; none where it has them no more."""
        return () if self._fetched is None else self._fetched.keys

    @property
    def possible_keys(self) -> tuple[str, ...]:
        """The keys of all networks that may be needed: before one of several models is chosen, those of each.

        The network that compares their photos is one of them.
        """
        if not self.several or self.offered is not None:
            return self.keys
        found = (FetchedModel(base).keys for base in self._spec.bases)
        return (catalogue.COMMON, *dict.fromkeys(chain.from_iterable(found)))

    def choose(self, photos: DecodedPhotos, available: Container[str]) -> SeenPhotos | None:
        """Choose one of several models by the photos, without their classes; return what that one has seen.

        `available` are the keys of the networks whose pretrained weights this machine has.
        """
        self._offered = compared(self._spec, photos, available)
        return self.seen(fetch=True)

    def seen(self, fetch: bool) -> SeenPhotos | None:
        """Return what the model has seen; `fetch` it where no stage has been committed that depends on it."""
        path, folder = self._spec.folder / BEFORE, self._folder
        if fetch and folder is not None:
            shutil.copyfile(folder / SEEN, path)
        return SeenPhotos.load(path) if path.exists() else None

    def photos(self, fetch: bool) -> tuple[Path, ...]:
        """Return the zips to whose photos the job adds, the oldest first; `fetch` as for `seen`."""
        own, folder = self._spec.folder, self._folder
        if fetch and folder is not None and self._spec.options.add:
            for path in folder.glob(PHOTOS.format("*")):
                shutil.copyfile(path, own / path.name)
        return tuple(sorted(own.glob(PHOTOS.format("*"))))

    def explained(self, error: UserError, other: str) -> UserError:
        """Return a refusal of the photos, which begins with what continuing from an earlier job has to do with it.

        `other` is the title of the task that the upload looks like, where it is not the earlier model's; or empty.
        """
        why = ""
        if other:
            why = f"These photos look like a job for {other}, and the earlier model cannot be continued from by one."
        elif self._spec.options.add and self.lost and not self.photos(fetch=False):
            why = MISSING[self.lost]
        return UserError(error.code, f"{why} {error.message}", file=error.file) if why else error

    def weight(self, key: str) -> WeightFile | None:
        """Return the model's own weights of the network with this key; None where it has none."""
        own = [path for path in (self._spec.folder / START, self._own) if path is not None and path.exists()]
        return WeightFile(key, own[0], EARLIER) if own and key.startswith(catalogue.BASE) else None

    @property
    def _own(self) -> Path | None:
        return None if self._folder is None else self._folder / BASE_WEIGHTS

    def taken_over(self, winner: str) -> tuple[str, ...]:
        """Copy the winner's weights, where they are the model's own; return the names of files to be committed."""
        own = self.weight(winner)
        if own is None:
            return ()
        if own.path.name == START:
            return (START,)
        shutil.copyfile(own.path, self._spec.folder / START)
        return (START,)

    def networks(self, dataset: LabelledPhotos, available: Container[str]) -> EarlierNetworks | None:
        """Return the candidates of the model; None where it is gone, cannot be judged honestly, or has nothing to give.

        `available` are the keys of the networks whose pretrained weights this machine has.
        """
        from vm_worker.learn.heads.linear import Head
        from vm_worker.learn.select.earlier import EarlierNetworks

        fetched, known = self._fetched, dataset.earlier
        if fetched is None or known is None or known.use is not Use.CONTINUES:
            return None
        model, folder, classes = fetched.model, fetched.folder, dataset.truth.classes
        if model is None or folder is None or not fetched.gives(classes, available):
            return None
        same = model.classes == classes
        heads = zip(self.keys, (BASE_HEAD, BASE_PARTNER), strict=False)
        return EarlierNetworks(
            keys=self.keys,
            weights={key: weight for key in self.keys if (weight := self.weight(key))},
            heads={key: Head.load(folder / name) for key, name in heads} if same else {},
            unseen=known.unseen,
            tuned=model.tuned,
        )
