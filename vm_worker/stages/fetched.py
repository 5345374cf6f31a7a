"""An earlier model as the worker has fetched it, and which of several a job continues from."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vm_worker.intake.take_in import DecodedPhotos
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.weights import find
from vm_worker.results.earlier import MANIFEST, MEAN, EarlierModel, OfferedRow
from vm_worker.spec import BaseSpec, Spec

if TYPE_CHECKING:
    from vm_worker.learn.select.choosing import Offered
    from vm_worker.learn.select.mean_features import MeanFeatures


@dataclass(frozen=True)
class FetchedModel:
    """An earlier model: whole, or lost."""

    base: BaseSpec

    @property
    def folder(self) -> Path | None:
        """The folder of its files; None where there is none, or none any more."""
        there = not self.base.lost and (self.base.folder / MANIFEST).exists()
        return self.base.folder if there else None

    @property
    def lost(self) -> str:
        """Why it cannot be used: "deleted" or "damaged"; empty: it can."""
        return "" if self.folder is not None else self.base.lost or "deleted"

    @property
    def model(self) -> EarlierModel | None:
        """What its manifest says; None where it is lost."""
        folder = self.folder
        if folder is None:
            return None
        return EarlierModel.from_json(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["result"])

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its networks in the catalogue, by which they are candidates; none where it has them no more."""
        model = self.model
        if model is None:
            return ()
        own: list[tuple[str, int | None]] = [(model.network, model.side)]
        if model.partner is not None:
            own.append((model.partner, model.partner_side))
        # At another side a network has other maps, so that a head would read other columns than it learnt from.
        known = all(catalogue.holds(key) and side in (None, catalogue.find(key).size) for key, side in own)
        return tuple(catalogue.earlier(key) for key, _ in own) if known else ()

    def gives(self, classes: tuple[str, ...], available: Container[str]) -> bool:
        """Return whether its network or its head can be of use for these classes.

        A network that is the catalogue's gives its head alone, where the classes are the same and the network's
        weights are `available` on this machine.
        """
        model = self.model
        if model is None or not self.keys:
            return False
        here = all(catalogue.find(key).source in available for key in self.keys)
        return model.tuned or (model.classes == classes and here)


def compared(spec: Spec, photos: DecodedPhotos, available: Container[str]) -> tuple[OfferedRow, ...]:
    """Compare the photos that each of several models learnt from with the new ones; one of them is chosen.

    `available` are the keys of the networks whose pretrained weights this machine has.
    """
    from vm_worker.learn.select.choosing import compare

    offered = [
        _offered(FetchedModel(base), job, photos.strata, available)
        for base, job in zip(spec.bases, spec.options.base, strict=True)
    ]
    living = [one for one in offered if not one.lost]
    needed = len(living) > 1 and any(one.mean for one in living)
    return compare(offered, _mean(spec, photos) if needed else None)


def _offered(fetched: FetchedModel, job: str, classes: tuple[str, ...], available: Container[str]) -> Offered:
    from vm_worker.learn.select.choosing import Offered
    from vm_worker.learn.select.mean_features import MeanFeatures

    model, folder = fetched.model, fetched.folder
    if model is None or folder is None:
        return Offered(job, lost=fetched.lost)
    mean = MeanFeatures.load(folder / MEAN) if (folder / MEAN).exists() else None
    return Offered(job, model.versions[0].day, mean, fetched.gives(classes, available))


def _mean(spec: Spec, photos: DecodedPhotos) -> MeanFeatures | None:
    """Return the mean features of a sample of the new photos; None where this machine has no weights for them."""
    import numpy as np

    from vm_worker.learn.select import mean_features

    weight = find((catalogue.COMMON,), spec.weights, False)[0].get(catalogue.COMMON)
    squares = photos.squares.get(catalogue.CATALOGUE[catalogue.COMMON].size)
    if weight is None or squares is None or not photos.usable:
        return None
    pixels = np.load(squares, mmap_mode="r", allow_pickle=False)
    return mean_features.of_photos(weight, pixels, photos.usable)
