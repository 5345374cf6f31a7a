"""Networks around the small networks that are trained from scratch: how wide and how deep each of three stages is."""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.designs.grammar import Architecture, Step
from vm_worker.designs.layers import Given
from vm_worker.designs.words import word
from vm_worker.learn.design.spaces.space import IDENTITY, RELU, SOFTMAX, added, convolution, first_step
from vm_worker.search.space import Choice, Point, Space

PLAIN, SEPARABLE, RESIDUAL = "plain", "separable", "residual"
WIDTHS = ((8, 16, 24, 32), (16, 32, 48, 64), (32, 64, 96, 128))  # maps of each stage
DROPOUTS = (0.0, 0.2, 0.4)


@dataclass(frozen=True)
class WidthsSpace:
    """The space of three stages, each of one or two blocks of one kind."""

    given: Given

    @property
    def space(self) -> Space:
        """The choices: the kind of the blocks, the first kernel, width and depth of each stage, the dropout."""
        widths = (Choice(f"width{stage}", values) for stage, values in enumerate(WIDTHS, start=1))
        depths = (Choice(f"blocks{stage}", (1, 2)) for stage in (1, 2, 3))
        kinds = Choice("kind", (PLAIN, SEPARABLE, RESIDUAL))
        return Space((kinds, Choice("first", (3, 5)), *widths, *depths, Choice("dropout", DROPOUTS)))

    def decode(self, point: Point) -> Architecture:
        """Return the network of a point."""
        kind, before = str(point["kind"]), int(point["width1"])
        steps: list[Step] = [convolution("CONV", int(point["first"]), before, first_step(self.given))]
        for stage in (1, 2, 3):
            width = int(point[f"width{stage}"])
            for number in range(int(point[f"blocks{stage}"])):
                steps += _block(kind, before, width, 2 if stage > 1 and number == 0 else 1)
                before = width
        dropout = float(point["dropout"])
        ending = (word(f"DROPOUT:{dropout}"),) if dropout else ()
        return Architecture((*steps, word("GLOBAL_AVERAGE_POOLING"), *ending, SOFTMAX))


def _block(kind: str, before: int, width: int, step: int) -> list[Step]:
    if kind == SEPARABLE:
        return [word(f"DEPTHWISE_CONV:3X3:{step}X{step}:SAME:BN"), convolution("CONV", 1, width)]
    if kind == PLAIN:
        return [convolution("CONV", 3, width, step)]
    skip = IDENTITY if before == width and step == 1 else convolution("CONV", 1, width, step, "LINEAR")
    inside = (convolution("CONV", 3, width, step), convolution("CONV", 3, width, 1, "LINEAR"))
    return [added((skip,), inside), RELU]
