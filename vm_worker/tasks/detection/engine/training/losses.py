"""The loss of a detector: quality focal loss of the classes and GIoU loss of the boxes.

The class of a point should have the probability that its box overlaps the object with, as IoU (generalized focal loss:
Li et al., NeurIPS 2020, equation 4). GIoU: Rezatofighi et al., CVPR 2019, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from vm_worker.tasks.detection.engine.training.targets import FIRST_SIDE, WEIGHT

BOX_WEIGHT = 2.0  # of the boxes' loss against the classes', as in the paper
EPSILON = 1e-6


def loss(classes: int) -> Callable[[Any, Any], Any]:
    """Return the loss of a batch of targets (m, points, 6) and outputs (m, points, classes + 4), a number.

    The outputs are logits and distances in cells. The sums over all points are divided by the number of points that
    answer for an object.
    """

    def of(targets: Any, outputs: Any) -> Any:
        logits, distances = outputs[..., :classes], outputs[..., classes:]
        positive = ops.cast(targets[..., 0] >= 0, "float32")
        overlap, generalized = overlaps(targets[..., FIRST_SIDE:], distances)
        count = ops.maximum(ops.sum(positive), 1.0)
        box = ops.sum(positive * (1.0 - generalized))
        kind = ops.one_hot(ops.cast(targets[..., 0], "int32"), classes)  # all 0 for background
        quality = kind * ops.stop_gradient(overlap)[..., None]
        focal = ops.sum(quality_focal(quality, logits) * targets[..., WEIGHT, None])
        return (focal + BOX_WEIGHT * box) / count

    return of


def quality_focal(quality: Any, logits: Any) -> Any:
    """Return the quality focal loss (...) for probabilities that should be `quality` (...), with its beta of 2."""
    # The binary cross entropy from logits, without overflow.
    entropy = ops.maximum(logits, 0.0) - logits * quality + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.square(ops.sigmoid(logits) - quality) * entropy


def overlaps(truth: Any, found: Any) -> tuple[Any, Any]:
    """Return IoU and GIoU (...) of boxes given as distances (..., 4) to the left, top, right, bottom of one point."""
    shared = _area(ops.minimum(truth, found))
    union = _area(truth) + _area(found) - shared
    iou = shared / (union + EPSILON)
    hull = _area(ops.maximum(truth, found))
    return iou, iou - (hull - union) / (hull + EPSILON)


def _area(distances: Any) -> Any:
    return (distances[..., 0] + distances[..., 2]) * (distances[..., 1] + distances[..., 3])
