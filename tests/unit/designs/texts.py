"""Architectures as texts, with the parameters of their Keras models for 1,000 classes and three channels."""

from __future__ import annotations

import json
from pathlib import Path

SHARED = Path(__file__).parents[3] / ".." / "shared" / "datasets" / "architectures"


def inception(a: int, b: int, c: int, d: int, e: int, f: int) -> list[object]:
    """A block of GoogLeNet with its widths (Szegedy et al., 2015, table 1)."""
    branches = [
        f"CONV:1X1:1X1:SAME:{a}",
        [f"CONV:1X1:1X1:SAME:{b}", f"CONV:3X3:1X1:SAME:{c}"],
        [f"CONV:1X1:1X1:SAME:{d}", f"CONV:5X5:1X1:SAME:{e}"],
        ["MAX_POOLING:3X3:1X1:SAME", f"CONV:1X1:1X1:SAME:{f}"],
    ]
    return [branches, "DepthConcat"]


def residual(filters: int, step: int) -> list[object]:
    """A block of ResNet-18, with a projection where it steps."""
    skip = f"CONV:1X1:{step}X{step}:SAME:{filters}:BN:LINEAR" if step > 1 else "IDENTITY"
    first, second = f"CONV:3X3:{step}X{step}:SAME:{filters}:BN", f"CONV:3X3:1X1:SAME:{filters}:BN:LINEAR"
    return [[[skip, [first, second]], "Add"], "RELU"]


POOL = "MAX_POOLING:3X3:2X2:SAME"
GOOGLENET = json.dumps(
    {
        "ops": [
            "CONV:7X7:2X2:SAME:64", POOL, "LocalRespNorm",
            "CONV:1X1:1X1:SAME:64", "CONV:3X3:1X1:SAME:192", "LocalRespNorm", POOL,
            inception(64, 96, 128, 16, 32, 32), inception(128, 128, 192, 32, 96, 64), POOL,
            inception(192, 96, 208, 16, 48, 64), inception(160, 112, 224, 24, 64, 64),
            inception(128, 128, 256, 24, 64, 64), inception(112, 144, 288, 32, 64, 64),
            inception(256, 160, 320, 32, 128, 128), POOL,
            inception(256, 160, 320, 32, 128, 128), inception(384, 192, 384, 48, 128, 128),
            "AVERAGE_POOLING:7X7:1X1:VALID", "DROPOUT:0.4", "SOFTMAX",
        ]
    }
)  # fmt: skip
VGG16 = json.dumps(
    [
        one
        for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
        for one in [f"CONV:3X3:1X1:SAME:{filters}"] * count + ["MAX_POOLING:2X2:2X2:VALID"]
    ]
    + ["FLATTEN", "FC:RELU:4096", "FC:RELU:4096", "SOFTMAX"]
)
ALEXNET = json.dumps(
    [
        "CONV:11X11:4X4:VALID:96", "LocalRespNorm", "MAX_POOLING:3X3:2X2:VALID",
        "CONV:5X5:1X1:SAME:256", "LocalRespNorm", "MAX_POOLING:3X3:2X2:VALID",
        "CONV:3X3:1X1:SAME:384", "CONV:3X3:1X1:SAME:384", "CONV:3X3:1X1:SAME:256", "MAX_POOLING:3X3:2X2:VALID",
        "FLATTEN", "DROPOUT:0.5", "FC:RELU:4096", "DROPOUT:0.5", "FC:RELU:4096", "SOFTMAX",
    ]
)  # fmt: skip
RESNET18 = json.dumps(
    ["CONV:7X7:2X2:SAME:64:BN", POOL]
    + [
        one
        for filters, step in ((64, 1), (128, 2), (256, 2), (512, 2))
        for s in (step, 1)
        for one in residual(filters, s)
    ]
    + ["GLOBAL_AVERAGE_POOLING", "SOFTMAX"]
)

_BLOCK = (
    '"op": [["CONV:1X1:1X1:SAME", ["CONV:1X1:1X1:SAME", "CONV:3X3:1X1:SAME"], ["CONV:1X1:1X1:SAME", '
    '"CONV: 5X5:\n1X1: SAME"], ["MAX_POOLING:3X3:1X1:SAME", "CONV:1X1:1X1:SAME"]], "DepthConcat"]'
)
_POOL = f'"op": "{POOL}"'
# Ma (2018), figure 4, with blanks and line breaks inside words as printed there, and without its misread words.
LISTING = (
    '{"op": "CONV: 7X7: 2X2: SAME", "op": "MAX POOLING: 3X3: 2X2: SAME", "op": "Local\nRespNorm", '
    '"op": "CONV: 3X3: 1X1: SAME", "op": "LocalRespNorm", '
    + ", ".join([_POOL, *[_BLOCK] * 2, _POOL, *[_BLOCK] * 5, _POOL, *[_BLOCK] * 2])
    + ', "op": "AVERAGE_POOLING:7X7:1X1:VALID", "op": "FC:RELU", "op": "SOFTMAX", '
    '"regularization": "Dropout", "coefficient": "0.4"}'
)

KNOWN = {  # text, pixels, parameters: those that are not trained included
    "googlenet": (GOOGLENET, 224, 6_998_552),
    "vgg16": (VGG16, 224, 138_357_544),
    "alexnet": (ALEXNET, 227, 62_378_344),
    "resnet18": (RESNET18, 224, 11_699_112),
    "listing": (LISTING, 224, 2_265_064),  # by the rule of widths
}

# Two nodes of a cell as ENAS has them (Pham et al., 2018, section 2.4), with the outputs before it by name.
CELL = """{"ops": [
  {"name": "a", "op": "CONV:3X3:1X1:SAME:8:BN"},
  {"name": "b", "op": "CONV:3X3:1X1:SAME:8:BN"},
  {"name": "n2", "op": [[["@a", "SEP_CONV:3X3:1X1:SAME:8:BN"], ["@b", "IDENTITY"]], "Add"]},
  {"name": "n3", "op": [[["@n2", "MAX_POOLING:3X3:1X1:SAME"], ["@b", "SEP_CONV:5X5:1X1:SAME:8:BN"]], "Add"]},
  [["@n2", "@n3"], "DepthConcat"],
  "CONV:1X1:1X1:SAME:8:BN", "SOFTMAX"]}"""

# Every word and every setting once.
EVERYTHING = """["CONV:5X3:2X1:VALID:6:TANH", "LocalRespNorm", "DEPTHWISE_CONV:3X3:2X2:SAME:BN:LINEAR", "BatchNorm",
  "RELU", [[["IDENTITY", "MAX_POOLING:3X3:1X1:VALID"],
  ["SEP_CONV:3X3:1X1:VALID:5", "CONV:1X1:1X1:SAME"]], "DepthConcat"],
  "AVERAGE_POOLING:3X2:2X2:SAME", [["GLOBAL_AVERAGE_POOLING", ["FLATTEN", "FC:TANH:9"]], "DepthConcat"],
  "DROPOUT:0.25", "FC", "FC:LINEAR:7", "BatchNorm", "SOFTMAX"]"""
