"""How the unfrozen part of a network is trained, as plain values; nothing here imports keras."""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.as_json import AsJson
from vm_worker.learn.networks.catalogue import Backbone, Cut, Side

EVERYTHING = Cut("image", Side.AFTER)  # the input layer: nothing stays frozen but the normalisation
NONE, VIEWS, MIXED = "none", "views", "mixed views"
AUGMENTATIONS = (NONE, VIEWS, MIXED)  # the photos alone; some views of each; two photos laid over each other, too


@dataclass(frozen=True)
class Recipe(AsJson):
    """One way to fine-tune. Its JSON form is what a searcher knows as a point."""

    cut: str  # the layer where the unfrozen part begins
    epochs: int
    rate: float  # AdamW's highest learning rate, after the warm-up
    batch: int
    dropout: float = 0.0  # of the pooled features
    decay: float = 0.01  # AdamW's weight decay
    smoothing: float = 0.1  # of the labels
    augmentation: str = VIEWS

    def shown(self) -> dict[str, float | int | str]:
        """Name the settings as the report does."""
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
    """Which views of the photos a trial may learn from, and whether they are kept."""

    count: int  # the plain one included
    live: bool = False  # made anew while the trial runs


def cuts(backbone: Backbone) -> tuple[Cut, ...]:
    """Where the network may be cut, the one that unfreezes least first; the last one unfreezes everything."""
    return (*((backbone.shallow,) if backbone.shallow else ()), *backbone.cuts, EVERYTHING)


def cut_named(backbone: Backbone, layer: str) -> Cut:
    """The cut at this layer. Raises ValueError when the network has none there."""
    for cut in cuts(backbone):
        if cut.layer == layer:
            return cut
    raise ValueError(f"{backbone.key} is not cut at {layer}")
