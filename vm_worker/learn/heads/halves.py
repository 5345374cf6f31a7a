"""A head on the columns of all depths as a sum of two: one on the last features, one on the other depths."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vm_worker.learn.arrays import Rows
from vm_worker.learn.heads.linear import Head


@dataclass(frozen=True)
class Halves:
    """Two heads whose logits add up to those of a head of all depths."""

    last: Head  # on all of the last features; where the whole head does not use one, its row is zeros
    others: Head  # on columns of the other depths, with the bias of the whole head
    columns: Rows  # these columns


def halved(head: Head, features: int) -> Halves:
    """Split a head with columns, of which the first so many are the last features. Raises ValueError without any."""
    if head.columns is None:
        raise ValueError("this head is on the last features alone")
    count = int(np.searchsorted(head.columns, features))
    kernel = np.zeros((features, len(head.bias)), np.float32)
    mean, scale = np.zeros(features, np.float32), np.ones(features, np.float32)
    places = head.columns[:count]
    kernel[places], mean[places], scale[places] = head.kernel[:count], head.mean[:count], head.scale[:count]
    rest = slice(count, None)
    others = replace(
        head, mean=head.mean[rest], scale=head.scale[rest], kernel=head.kernel[rest], columns=head.columns[rest]
    )
    last = replace(head, mean=mean, scale=scale, kernel=kernel, bias=np.zeros_like(head.bias), columns=None)
    return Halves(last, others, head.columns[rest])
