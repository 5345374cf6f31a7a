"""Recipes: the settings of a fine-tuning, as plain values without keras."""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.as_json import AsJson
from vm_worker.learn.networks.catalogue import Backbone, Cut, Side

EVERYTHING = Cut("image", Side.AFTER)  # behind the input layer: all layers are trained, except for normalisation
NONE, VIEWS, MIXED = "none", "views", "mixed views"
AUGMENTATIONS = (NONE, VIEWS, MIXED)  # the photos alone; random views of each; views, and pairs mixed by mixup


@dataclass(frozen=True)
class Recipe(AsJson):
    """The settings of one fine-tuning. Their JSON form is a point of the search's space."""

    cut: str  # the layer where the unfrozen part begins
    epochs: int
    rate: float  # AdamW's highest learning rate, after the warm-up
    batch: int
    dropout: float = 0.0  # of the pooled features
    decay: float = 0.01  # AdamW's weight decay
    smoothing: float = 0.1  # label smoothing
    augmentation: str = VIEWS

    def shown(self) -> dict[str, float | int | str]:
        """Return the settings under the names that the report shows."""
        return {
            "unfrozen from": self.cut,
            "augmentation": self.augmentation,
            "epochs": self.epochs,
            "learning rate": self.rate,
            "batch": self.batch,
            "dropout": self.dropout,
            "label smoothing": self.smoothing,
            "weight decay": self.decay,
        }


@dataclass(frozen=True)
class Views(AsJson):
    """The number of views of each photo that a trial learns from, and whether they are cached."""

    count: int  # the unchanged photo included
    live: bool = False  # True: made anew in each epoch; False: made once and cached


def cuts(backbone: Backbone) -> tuple[Cut, ...]:
    """Return the network's cuts: the first one unfreezes least, the last one everything."""
    return (*((backbone.shallow,) if backbone.shallow else ()), *backbone.cuts, EVERYTHING)


def cut_named(backbone: Backbone, layer: str) -> Cut:
    """Return the cut at this layer. Raises ValueError when the network has none there."""
    for cut in cuts(backbone):
        if cut.layer == layer:
            return cut
    raise ValueError(f"{backbone.key} is not cut at {layer}")
