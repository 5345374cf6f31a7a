"""Draw a network as an SVG picture: a box for each layer, from the picture at the top to the classes at the bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from vm_worker.designs.grammar import Branch, Join, Named, Step
from vm_worker.designs.layers import Layer, Network, Path
from vm_worker.designs.shapes import Shape
from vm_worker.designs.words import Convolution, Dense, Dropout, Plain, Pooling, Reference, Size, Word

WIDTH, HEIGHT = 276.0, 42.0  # of a box, in pixels
CHARACTERS = 45  # of a title that fits; a longer one is squeezed
PILL = 24.0  # height of what does nothing to the values
GAP = 16.0  # between boxes, above each other and beside each other
BEND = 9.0  # how far below a box a line turns to the side
MARGIN = 20.0
LINE = 20.0  # height of a line of the caption

KINDS = {
    "CONV": "convolution",
    "SEP_CONV": "separable convolution",
    "DEPTHWISE_CONV": "depthwise convolution",
    "MAX_POOLING": "maximum of",
    "AVERAGE_POOLING": "mean of",
    "LocalRespNorm": "local response normalization",
    "BatchNorm": "batch normalization",
    "GLOBAL_AVERAGE_POOLING": "mean of each map",
    "FLATTEN": "flatten",
    "RELU": "ReLU",
    "SOFTMAX": "fully connected, softmax",
    "DepthConcat": "side by side (DepthConcat)",
    "Add": "sum (Add)",
}
COLOURS = {
    Convolution: "#d6e6f7",
    Pooling: "#fbe3c8",
    Dense: "#e3d9f2",
    Plain: "#ececec",
    Dropout: "#ececec",
    str: "#d9efd9",
}
STYLE = (
    "text{font:11.5px system-ui,sans-serif;text-anchor:middle;fill:#1c1c1c}.small{font-size:10.5px;fill:#444}"
    ".caption{font-size:13px;text-anchor:start}.name{font-weight:600;fill:#7a3b00;text-anchor:start}"
    "path{fill:none;stroke:#777;stroke-width:1.3}rect{stroke:#999;stroke-width:.8}"
)


@dataclass(frozen=True)
class _Figure:
    """A part of the picture. Lines reach it at the top and leave it at the bottom, in the middle."""

    width: float
    height: float
    parts: tuple[str, ...]

    def at(self, x: float, y: float) -> str:
        return f'<g transform="translate({x:g},{y:g})">{"".join(self.parts)}</g>'


def svg(network: Network, captions: Sequence[str] = ()) -> str:
    """Return the picture as a document of its own. `captions` are lines of text above it."""
    layers: dict[Path, list[Layer]] = {}
    for layer in network.layers:
        layers.setdefault(layer.path, []).append(layer)
    picture = _box("picture", _shape(network.layers[0].shape), "#fff")
    whole = _stacked([picture, _sequence(network.architecture.steps, (), layers)], [True])
    head = MARGIN + LINE * len(captions)
    longest = max((7.2 * len(line) for line in captions), default=0.0)
    width, height = max(whole.width, longest) + 2 * MARGIN, head + whole.height + MARGIN
    texts = (
        f'<text class="caption" x="{MARGIN:g}" y="{MARGIN + LINE * number:g}">{escape(line)}</text>'
        for number, line in enumerate(captions)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img"><title>{escape("; ".join(captions) or "A network")}</title>'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff" style="stroke:none"/>'
        f"{''.join(texts)}{whole.at((width - whole.width) / 2, head)}</svg>\n"
    )


def _sequence(steps: Branch, path: Path, layers: Mapping[Path, list[Layer]]) -> _Figure:
    figures, lines = [], []
    for number, step in enumerate(steps):
        inner = step.step if isinstance(step, Named) else step
        figure = _step(inner, (*path, number), layers)
        figures.append(_labelled(figure, step.name) if isinstance(step, Named) else figure)
        lines.append(not _begins_elsewhere(step))
    return _stacked(figures, lines[1:])


def _step(step: Word | Join, path: Path, layers: Mapping[Path, list[Layer]]) -> _Figure:
    if isinstance(step, Join):
        return _joined(step, path, layers)
    if isinstance(step, Reference):
        return _pill(f"from {step.name}", "#fff3df")
    if path not in layers:
        return _pill("unchanged", "#fff")
    return _stacked([_layer(layer) for layer in layers[path]], [True] * (len(layers[path]) - 1))


def _joined(join: Join, path: Path, layers: Mapping[Path, list[Layer]]) -> _Figure:
    """Draw the branches beside each other, with lines from where they part to where they are joined."""
    figures = [_sequence(branch, (*path, number), layers) for number, branch in enumerate(join.branches)]
    width = sum(figure.width for figure in figures) + GAP * (len(figures) - 1)
    top, tallest = BEND + GAP, max(figure.height for figure in figures)
    bottom = top + tallest + GAP + BEND
    parts, x = [], 0.0
    for figure, branch in zip(figures, join.branches, strict=True):
        middle = x + figure.width / 2
        if not _begins_elsewhere(branch[0]):
            parts.append(f'<path d="M{width / 2:g} 0V{BEND:g}H{middle:g}V{top:g}"/>')
        parts.append(figure.at(x, top))
        parts.append(f'<path d="M{middle:g} {top + figure.height:g}V{bottom - BEND:g}H{width / 2:g}V{bottom:g}"/>')
        x += figure.width + GAP
    joint = _layer(layers[path][-1])
    parts.append(joint.at((width - joint.width) / 2, bottom))
    return _Figure(width, bottom + joint.height, tuple(parts))


def _begins_elsewhere(step: Step) -> bool:
    """Return whether a step takes nothing from the step before it."""
    if isinstance(step, Named):
        return _begins_elsewhere(step.step)
    if isinstance(step, Join):
        return all(_begins_elsewhere(branch[0]) for branch in step.branches)
    return isinstance(step, Reference)


def _stacked(figures: Sequence[_Figure], lines: Sequence[bool]) -> _Figure:
    """Put figures below each other, with a line above each but the first where `lines` says so."""
    width = max(figure.width for figure in figures)
    parts, y = [figures[0].at((width - figures[0].width) / 2, 0)], figures[0].height
    for figure, line in zip(figures[1:], lines, strict=True):
        if line:
            parts.append(f'<path d="M{width / 2:g} {y:g}V{y + GAP:g}"/>')
        parts.append(figure.at((width - figure.width) / 2, y + GAP))
        y += GAP + figure.height
    return _Figure(width, y, tuple(parts))


def _layer(layer: Layer) -> _Figure:
    figures = [_shape(layer.shape)]
    if layer.cost.parameters:
        figures.append(f"{layer.cost.parameters:,} parameters")
    return _box(_title(layer.does), " · ".join(figures), COLOURS[type(layer.does)])


def _title(does: Word | str) -> str:
    match does:
        case Convolution(kind, kernel, step, padding):
            more = ["BN"] if does.normalized else []
            more += {"RELU": [], "TANH": ["tanh"], "LINEAR": ["linear"]}[does.activation]
            return ", ".join([f"{KINDS[kind]} {_sides(kernel)}", *_stepping(step, padding), *more])
        case Pooling(kind, window, step, padding):
            return ", ".join([f"{KINDS[kind]} {_sides(window)}", *_stepping(step, padding)])
        case Dense(activation):
            return f"fully connected, {'ReLU' if activation == 'RELU' else activation.lower()}"
        case Dropout(share):
            return f"dropout {share:g}"
    return KINDS[str(does)]


def _stepping(step: Size, padding: str) -> list[str]:
    far = [] if step == (1, 1) else [f"step {step[0]}" if step[0] == step[1] else f"step {_sides(step)}"]
    return far + (["unpadded"] if padding == "VALID" else [])


def _sides(size: Sequence[int]) -> str:
    return " x ".join(f"{side:,}" for side in size)


def _shape(shape: Shape) -> str:
    return _sides(shape) if len(shape) > 1 else f"{shape[0]:,} values"


def _box(title: str, figures: str, colour: str) -> _Figure:
    fit = f' textLength="{WIDTH - 12:g}" lengthAdjust="spacingAndGlyphs"' if len(title) > CHARACTERS else ""
    return _Figure(
        WIDTH,
        HEIGHT,
        (
            f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" rx="5" fill="{colour}"/>',
            f'<text x="{WIDTH / 2:g}" y="17"{fit}>{escape(title)}</text>',
            f'<text class="small" x="{WIDTH / 2:g}" y="33">{escape(figures)}</text>',
        ),
    )


def _pill(text: str, colour: str) -> _Figure:
    width = 7.0 * len(text) + 24
    return _Figure(
        width,
        PILL,
        (
            f'<rect width="{width:g}" height="{PILL:g}" rx="{PILL / 2:g}" fill="{colour}"/>',
            f'<text x="{width / 2:g}" y="16">{escape(text)}</text>',
        ),
    )


def _labelled(figure: _Figure, name: str) -> _Figure:
    """Write a step's name beside its lower end."""
    wide = 7.5 * len(name) + 6
    beside = wide + figure.width / 2 + min(figure.width, WIDTH) / 2 + 4  # the last box is in the middle
    label = f'<text class="name" x="{beside:g}" y="{figure.height - 16:g}">{escape(name)}</text>'
    return _Figure(figure.width + 2 * wide, figure.height, (figure.at(wide, 0), label))
