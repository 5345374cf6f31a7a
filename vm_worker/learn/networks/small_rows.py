"""Rows of figures for the small networks that are trained from scratch, like those of the pretrained networks.

Rows are data, and this module does not import keras; `small.py` builds the network that a row describes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.catalogue import Backbone, Preprocessing

SIZE = 64  # pixels
NETWORKS = ("alexnet", "alexnet_separable", "mobilenet_v1", "mobilenet_v2")
TITLES = {
    "alexnet": "AlexNet",
    "alexnet_separable": "AlexNet-Separable",
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
}
WIDTHS = {1.0: "", 0.5: " 1/2", 0.25: " 1/4", 0.125: " 1/8"}  # of the layers, in shares of the papers' own
# Each width and the largest number of training photos that it is for. A wider network would learn so few photos by
# heart, and each step up in width takes about four times as long.
_MOST_PHOTOS = {0.25: 3_000, 0.5: 30_000}
# For each width in the order above: features, parameters without the top layer, 1e9 multiply-adds.
_FIGURES: Mapping[str, tuple[tuple[int, int, float], ...]] = {
    "alexnet": ((4096, 37_313_952, 0.425), (2048, 9_340_624, 0.115), (1024, 2_341_224, 0.033), (512, 588_340, 0.011)),
    "alexnet_separable": (
        (4096, 33_949_035, 0.064),
        (2048, 8_493_931, 0.017),
        (1024, 2_126_955, 0.0046),
        (512, 533_611, 0.0015),
    ),
    "mobilenet_v1": ((1024, 3_228_864, 0.046), (512, 829_536, 0.012), (256, 218_544, 0.0033), (128, 60_216, 0.001)),
    "mobilenet_v2": ((1280, 2_257_984, 0.088), (640, 597_824, 0.024), (320, 166_120, 0.0068), (160, 50_576, 0.0026)),
}


def key(network: str, width: float) -> str:
    """Return the name of a network of this width in files and reports."""
    return f"scratch_{network}_{round(100 * width)}"


def _row(network: str, width: float, figures: tuple[int, int, float]) -> Backbone:
    title = f"{TITLES[network]}{WIDTHS[width]} from scratch"
    features, parameters, gflops = figures
    return Backbone(
        key=key(network, width),
        title=title,
        application="",
        size=SIZE,
        features=features,
        parameters=parameters,
        gflops=gflops,
        preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(),
        licence="yours",
        attribution=f"{title} was trained on your photos alone, without pretrained weights.",
    )


BUILDS = {key(network, width): (network, width) for network in NETWORKS for width in WIDTHS}
ROWS: Mapping[str, Backbone] = {
    key(network, width): _row(network, width, figures)
    for network in NETWORKS
    for width, figures in zip(WIDTHS, _FIGURES[network], strict=True)
}


def fitting(photos: int, networks: Sequence[str] = NETWORKS) -> list[Backbone]:
    """Return the rows of these networks, at the width that suits so many training photos."""
    width = next((width for width, most in _MOST_PHOTOS.items() if photos <= most), 1.0)
    return [ROWS[key(network, width)] for network in networks]


def find(name: str) -> Backbone:
    """Return the row of a key, pretrained or small. Raises KeyError."""
    return ROWS[name] if name in ROWS else catalogue.find(name)
