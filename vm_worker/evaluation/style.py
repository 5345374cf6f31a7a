"""The style of every picture: size, colours, fonts, and names that these fonts can draw."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import findSystemFonts, fontManager, get_font

from jobs import wording

WIDTH = 6.0  # inches: a mail is 600 CSS pixels wide
DPI = 200  # twice the resolution of a screen, for sharp pictures on phones
JPEG_QUALITY = 82
INK = "#1f2933"
QUIET = "#8a94a0"
GRID = "#e4e8ec"
# Blue and vermilion of Okabe and Ito are distinct for every kind of colour vision; the lines are dashed, too.
VALIDATION = "#0072b2"
TRAINING = "#d55e00"
RIGHT = LinearSegmentedColormap.from_list("right", ["#e3eff8", "#7fb8dd", "#2178b5", "#0a4f8f"])
WRONG = LinearSegmentedColormap.from_list("wrong", ["#fdeee3", "#f8c39b", "#ec8a4b", "#d55e00"])
EMPTY = "#f5f7f9"
# DejaVu comes with matplotlib; Debian, macOS and Windows have the others, for Chinese, Japanese and Korean.
FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
)


# This logger writes a line for each weight that a font lacks, in every job.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


@contextmanager
def figure(path: Path, height: float, width: float = WIDTH) -> Iterator[Figure]:
    """Yield a figure to draw on, of this size in inches; write it to `path` as PNG at the end."""
    with matplotlib.rc_context(_settings()):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
        yield drawing
        drawing.savefig(path, dpi=DPI, metadata={"Software": None})


@contextmanager
def photographs(path: Path, height: float) -> Iterator[Figure]:
    """Yield a figure for photos; write it as JPEG at the end. A PNG of photos would be ten times as large."""
    with matplotlib.rc_context(_settings()):
        drawing = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
        FigureCanvasAgg(drawing)
        yield drawing
        drawing.savefig(path, dpi=DPI, format="jpeg", pil_kwargs={"quality": JPEG_QUALITY, "subsampling": 0})


def labels(names: Sequence[str], most: int) -> list[str]:
    """Return the names as short labels. A name that no installed font can draw becomes its number in the tables."""
    return [_label(name, number, most) for number, name in enumerate(names, start=1)]


def drawable(name: str) -> bool:
    """Return whether the fonts of this machine have every character of a name as it is shown."""
    return set(wording.name(name)) <= _characters()


def _label(name: str, number: int, most: int) -> str:
    return wording.name(name, most) if drawable(name) else f"no. {number}"


def _settings() -> Any:  # the type is Any, as matplotlib gives each key a type of its own
    return {
        "font.family": list(_families()),
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.edgecolor": QUIET,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": GRID,
        "legend.frameon": False,
        "text.color": INK,
        "text.parse_math": False,  # a class may be called $$, which is no formula
        "text.usetex": False,
        "xtick.color": INK,
        "ytick.color": INK,
    }


@cache
def _families() -> tuple[str, ...]:
    """Return the fonts of FONTS that this machine has: matplotlib warns of each font that is missing."""
    return tuple(name for name in FONTS if name in _installed())


@cache
def _installed() -> dict[str, str]:
    """Return the file of each installed font family, fonts newer than matplotlib's font cache included."""
    known = {entry.fname for entry in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            _add(path)
    return {entry.name: entry.fname for entry in reversed(fontManager.ttflist)}


def _add(path: str) -> None:
    try:
        fontManager.addfont(path)
    except (OSError, RuntimeError):  # a bitmap font or a broken file
        return


@cache
def _characters() -> frozenset[str]:
    found: set[str] = set()
    for family in _families():
        found.update(chr(code) for code in get_font(_installed()[family]).get_charmap())
    return frozenset(found)
