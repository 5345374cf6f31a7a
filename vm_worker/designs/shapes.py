"""The output shape, parameters and multiply-adds of one layer, and the shape of joined branches."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vm_worker.designs.words import ArchitectureError, Convolution, Dense, Plain, Pooling, Size, Word

Shape = tuple[int, ...]  # rows, columns, maps; or features


@dataclass(frozen=True)
class Cost:
    """The cost of a layer, or of a whole network for one picture."""

    parameters: int = 0  # those that are not trained included
    multiply_adds: int = 0
    values: int = 0  # in the outputs of the layers

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            self.values + other.values,
        )


def joined(how: str, shapes: list[Shape], where: str) -> Shape:
    """Return the shape of joined branches."""
    if len({len(shape) for shape in shapes}) > 1:
        raise ArchitectureError(f"{where}: some branches give maps and some features; end all of them alike")
    sizes = [f"{shape[0]} x {shape[1]}" for shape in shapes if len(shape) == 3]
    if len(set(sizes)) > 1:
        raise ArchitectureError(
            f"{where}: the branches give maps of different sizes ({', '.join(sizes)}); let them step alike"
        )
    depths = [shape[-1] for shape in shapes]
    if how == "DepthConcat":
        return (*shapes[0][:-1], sum(depths))
    if len(set(depths)) > 1:
        what, advice = ("maps", "a 1X1 CONV as projection") if sizes else ("features", "an FC")
        shown = ", ".join(map(str, depths))
        raise ArchitectureError(f"{where}: the branches of an Add give {shown} {what}; make them equal with {advice}")
    return shapes[0]


def applied(word: Word, before: Shape, classes: int) -> tuple[Shape, Cost]:
    """Return the shape and the cost of one layer on an output of this shape."""
    features = math.prod(before)
    match word:
        case Convolution():
            return _convolved(word, _maps(before))
        case Pooling():
            rows, columns, depth = _maps(before)
            return (*_slid((rows, columns), word.window, word.step, word.padding, "window"), depth), Cost()
        case Dense():
            return _dense(features, word.units or features)
        case Plain("SOFTMAX"):
            return _dense(before[-1], classes)  # of maps the mean is taken
        case Plain(kind):
            return _plain(kind, before)
    return before, Cost()  # DROPOUT


def _dense(features: int, units: int) -> tuple[Shape, Cost]:
    return (units,), Cost(features * units + units, features * units)


def _plain(kind: str, before: Shape) -> tuple[Shape, Cost]:
    match kind:
        case "GLOBAL_AVERAGE_POOLING":
            return _maps(before)[2:], Cost()
        case "FLATTEN":
            return (math.prod(before),), Cost()
        case "BatchNorm":
            return before, Cost(4 * before[-1])
        case "LocalRespNorm":
            return _maps(before), Cost()
    return before, Cost()  # RELU


def _convolved(word: Convolution, before: tuple[int, int, int]) -> tuple[Shape, Cost]:
    rows, columns = _slid(before[:2], word.kernel, word.step, word.padding, "kernel")
    depth, window = before[2], math.prod(word.kernel)
    filters = depth if word.filters is None else word.filters
    weights = {
        "CONV": window * depth * filters,
        "SEP_CONV": window * depth + depth * filters,
        "DEPTHWISE_CONV": window * depth,
    }[word.kind]
    after = 4 * filters if word.normalized else filters  # batch normalization in place of the bias
    return (rows, columns, filters), Cost(weights + after, weights * rows * columns)


def _maps(shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ArchitectureError("after an FC, FLATTEN or GLOBAL_AVERAGE_POOLING there are no maps any more")
    return shape[0], shape[1], shape[2]


def _slid(size: Size, window: Size, step: Size, padding: str, what: str) -> Size:
    """Return the size of the maps after a window has slid over them."""
    if padding == "SAME":
        return -(-size[0] // step[0]), -(-size[1] // step[1])
    if window[0] > size[0] or window[1] > size[1]:
        always = "GLOBAL_AVERAGE_POOLING always does" if what == "window" else "with SAME it always does"
        raise ArchitectureError(
            f"the maps are {size[0]} x {size[1]} there; a {what} of {window[0]} x {window[1]} does not fit ({always})"
        )
    return (size[0] - window[0]) // step[0] + 1, (size[1] - window[1]) // step[1] + 1
