"""What the report says and shows of a search for a network, for people who do not know what a network is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jobs import wording
from jobs.json_values import JsonObject
from vm_worker.designs.drawing import svg
from vm_worker.designs.words import ArchitectureError
from vm_worker.evaluation import style
from vm_worker.learn.networks import designed
from vm_worker.results.candidates import CandidateRow
from vm_worker.results.designs import DESIGNED, RANDOM, ContendersTested, Designed, NetworkPlan, NetworkRow

TRIED, MIND, DRAWN = "designing.png", "designer.png", "network.svg"
LIKELY = 1.96  # standard errors of a 95 % interval
ORDERS = 2000  # random orders of the random networks, from which the band comes
CHANCE = 0.05  # a difference with a larger p is called not measurable
CLOSE = 0.03  # small networks that come so near to the pretrained ones may profit from a design
DESIGNERS = {
    "controller": "a small network of its own that learns which choices did well",
    "q_learning": "a table of how much each choice was worth so far",
    "evolution": "changing one thing in a network that did well, again and again",
    "surrogate": "a forecast of how well each network would do, from all that were tried",
    "bayesian": "statistics of which choices were found in the good networks and which in the bad ones",
    RANDOM: "nothing: all were put together at random, as asked for",
}
NOT_COMPARED = (
    "The time did not suffice to judge the best ones of both kinds again, so nothing tells whether the designer did "
    "better than luck."
)
SHARE_LIGHT = 0.55  # of a shade, from which its text is white
Scores = NDArray[np.float64]


def suggestion(rows: Sequence[CandidateRow], searched: bool) -> str:
    """Return advice to design a network, where small ones come within 3 points of the pretrained ones; else nothing."""
    judged = [row for row in rows if row.validation_score is not None]
    small = [row.validation_score or 0.0 for row in judged if row.name.startswith("scratch_")]
    large = [
        row.validation_score or 0.0 for row in judged if row.name not in designed.TITLES and "scratch_" not in row.name
    ]
    if searched or not small or not large or max(small) < max(large) - CLOSE:
        return ""
    return (
        "The small networks that learnt from nothing did about as well as the ready-made ones. A network designed for "
        "your pictures might do better: send them again with the option design=controller and two hours (minutes=120)."
    )


@dataclass(frozen=True)
class _Kinds:
    """The networks that were drawn at random, and those that were designed."""

    drawn: list[NetworkRow]
    made: list[NetworkRow]

    @classmethod
    def of(cls, design: Designed) -> _Kinds:
        rows = [row for row in design.networks if row.scores]
        return cls([row for row in rows if row.by == RANDOM], [row for row in rows if row.by != RANDOM])


def figures(
    design: Designed, rows: Sequence[CandidateRow], photos: int, beside: ContendersTested | None = None
) -> JsonObject:
    """Return the part of report.json about a search; `photos` is the number of validation photos.

    `beside` has the answers of the best designed network and the best pretrained one to the test photos.
    """
    best = next((row for row in design.networks if row.number == design.best), None)
    return {
        **design.to_json(),
        "tried": _tried(design),
        "result": _result(design, photos),
        "became": _became(design, rows),
        "tested": "" if beside is None else tested(beside),
        "beside": None if beside is None else beside.to_json(),
        "means": DESIGNERS.get(design.designer, ""),
        "string": None if best is None else best.architecture,
    }


def _tried(design: Designed) -> str:
    made = sum(row.by != RANDOM for row in design.networks)
    drawn, minutes = len(design.networks) - made, max(1, round(design.seconds / 60))
    if not design.networks:
        return "The time did not suffice to try a single one; with more minutes (the option minutes) it may."
    whole = f"This job tried {wording.plural(len(design.networks), 'network')} in {wording.plural(minutes, 'minute')}"
    if design.designer == RANDOM:
        return f"{whole}, all of them put together at random."
    if not made:
        return f"{whole}, put together at random; the time ended before the designer had made one."
    return (
        f"{whole}: {drawn} {'was' if drawn == 1 else 'were'} put together at random, {made} by a designer, "
        f"which goes by {DESIGNERS[design.designer]}."
    )


def _result(design: Designed, photos: int) -> str:
    """Say which kind did better, or that there is no measurable difference."""
    kinds, found = _Kinds.of(design), design.comparison
    if not kinds.made or found is None:
        best = max((row.judged or 0.0 for row in design.networks if row.again or row.scores), default=None)
        said = "" if best is None else f"The best one got {_percent(best)} of the validation photos right."
        return f"{said} {NOT_COMPARED}" if kinds.made else said
    by_number = {row.number: row for row in design.networks}
    ours, drawn = by_number[found.designed].judged or 0.0, by_number[found.random].judged or 0.0
    both = (
        f"Judged again on other halves of the photos ({wording.plural(found.photos, 'answer')} each), the best network "
        f"drawn at random got {_percent(drawn)} right, the best designed one {_percent(ours)}. "
    )
    points = 100 * LIKELY * math.sqrt(max(ours * (1 - ours), 1e-4) / found.photos)
    if found.verdict == "same":
        return both + f"That is no measurable difference: chance alone moves such figures by {points:.0f} points or so."
    word = "better" if found.verdict == "better" else "worse"
    return (
        both
        + f"So the designed one is {word} than luck; chance alone makes such a difference less than once in 20 times."
    )


def _became(design: Designed, rows: Sequence[CandidateRow]) -> str:
    """Say what became of the best network beside the others."""
    ours = next((row for row in rows if row.name == designed.DESIGNED), None)
    if design.best is None or ours is None or ours.validation_score is None:
        return "No network could be trained to its end in the time, so none of them is among the candidates."
    others = [row for row in rows if row.name != designed.DESIGNED and row.validation_score is not None]
    best = max(others, key=lambda row: row.validation_score or 0.0, default=None)
    score = _percent(ours.validation_score)
    by = next(row.by for row in design.networks if row.number == design.best)
    origin = "put together at random" if by == RANDOM else "made by the designer"
    trained = f"The best of all, {origin}, was then trained for longer and got {score} of the validation photos right."
    if best is None:
        return f"{trained} It is the one you get."
    beside = f"{trained} The best of the others, {best.title}, got {_percent(best.validation_score or 0.0)}."
    if {ours.state, best.state} == {"chosen", "tied"}:
        beside += " Between these two the validation photos show no measurable difference (McNemar's test)."
    return f"{beside} You {'get' if ours.state == 'chosen' else 'do not get'} the network that was found here."


def tested(beside: ContendersTested) -> str:
    """Say how the best designed network and the best pretrained one did on the test photos, and what chance does."""
    ours, other = (
        f"{count} right ({_percent(count / beside.photos)})" for count in (beside.designed, beside.pretrained)
    )
    photos = wording.plural(beside.photos, "test photo")
    figures = (
        f"After the choice both answered the same {photos}, once each: the designed network got {ours}, "
        f"{beside.title}, the best of the ready-made ones, {other}. {_chance(beside)}"
    )
    if beside.delivered == DESIGNED:
        return figures
    return f"{figures} The designed one had learnt from the training photos alone, as it was not chosen."


def _chance(beside: ContendersTested) -> str:
    """Say whether two equally good networks would differ so much."""
    times = round(100 * beside.p)
    often = f"{times} of 100" if times else "less than one of 100"
    if beside.p > CHANCE:
        return f"That is no measurable difference: equally good ones differ so much, or more, in {often} such tests."
    better = "designed" if beside.designed > beside.pretrained else "ready-made"
    return f"So the {better} one is measurably better: equally good ones differ so much in {often} such tests."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def draw(design: Designed, classes: int, photos: int, folder: Path) -> list[str]:
    """Draw what was tried, what the designer thinks, and the best network; return the file names."""
    names = []
    if any(row.scores for row in design.networks):
        _draw_tried(folder / TRIED, design, photos)
        names.append(TRIED)
    if any(row.by != RANDOM and (design.values or row.undecided is not None) for row in design.networks):
        _draw_mind(folder / MIND, design)
        names.append(MIND)
    best = next((row for row in design.networks if row.number == design.best), None)
    if best is not None:
        try:
            network = designed.drawn(NetworkPlan(best.architecture, design.side), classes)
        except ArchitectureError:  # one that another version has designed
            return names
        (folder / DRAWN).write_text(svg(network), encoding="utf-8")
        names.append(DRAWN)
    return names


def first_scores(rows: Sequence[NetworkRow]) -> Scores:
    """Return the score of each network after its first training, which all have had."""
    return np.array([row.scores[0].score for row in rows], np.float64)


def luck(scores: Scores, seed: int = 0) -> tuple[Scores, Scores, Scores]:
    """Return the best of the first n random networks, for each n: the mean and a 90 % band over random orders."""
    random = np.random.default_rng(seed)
    best = np.array([np.maximum.accumulate(random.permutation(scores)) for _ in range(ORDERS)])
    return best.mean(0), np.quantile(best, 0.05, axis=0), np.quantile(best, 0.95, axis=0)


def _draw_tried(path: Path, design: Designed, photos: int) -> None:
    kinds = _Kinds.of(design)
    with style.figure(path, height=3.3) as drawing:
        axes = drawing.subplots()
        drawn = 100 * first_scores(kinds.drawn)
        if len(drawn):
            x = np.arange(1, len(drawn) + 1)
            mean, low, high = luck(drawn)
            axes.fill_between(x, low, high, color=style.QUIET, alpha=0.25, linewidth=0)
            axes.plot(x, mean, color=style.QUIET, linestyle="--", label="best so far, at random")
            axes.plot(x, drawn, "o", color=style.QUIET, markersize=4, label="drawn at random")
        made = 100 * first_scores(kinds.made)
        if len(made):
            x, best = np.arange(1, len(made) + 1), np.maximum.accumulate(made)
            error = LIKELY * np.sqrt(np.maximum(best * (100 - best), 1.0) / max(1, photos))
            axes.fill_between(
                x, best - error, np.minimum(best + error, 100.0), color=style.VALIDATION, alpha=0.15, linewidth=0
            )
            axes.plot(x, best, color=style.VALIDATION, label="best so far, designed")
            axes.plot(x, made, "o", color=style.VALIDATION, markersize=4, label="designed")
        axes.axhline(100 * design.chance, color=style.TRAINING, linewidth=0.8, linestyle=":", label="guessing")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("networks tried of each kind")
        axes.set_ylabel(f"% right after {design.rungs[0]} epochs")
        axes.grid(axis="y")
        drawing.legend(loc="outside lower center", ncols=3, fontsize=8.5)


def _draw_mind(path: Path, design: Designed) -> None:
    """Draw how undecided the designer was, and what it thinks of each choice in the end."""
    asked = [row for row in design.networks if row.undecided is not None]
    values = design.values or {}
    rows = bool(asked) + bool(values)
    with style.figure(path, height=1.6 + 2.6 * bool(values)) as drawing:
        panels = np.atleast_1d(drawing.subplots(rows, 1, height_ratios=[1, 2][:rows] if rows == 2 else None))
        if asked:
            axes = panels[0]
            axes.plot(range(1, len(asked) + 1), [row.undecided or 0.0 for row in asked], color=style.VALIDATION)
            axes.set_ylim(-0.03, 1.03)
            axes.set_yticks([0, 1], ["decided", "guessing"])
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("networks designed")
        if values:
            _shade(panels[-1], values)


def _shade(axes: Axes, values: Mapping[str, Mapping[str, float]]) -> None:
    """Shade each choice of each place: the darker, the more the designer thinks of it, compared within the place."""
    most = max(len(choices) for choices in values.values())
    for column, choices in enumerate(values.values()):
        low, high = min(choices.values()), max(choices.values())
        for row, (name, worth) in enumerate(choices.items()):
            share = (worth - low) / (high - low) if high > low else 0.0
            axes.add_patch(Rectangle((column, most - row - 1), 0.94, 0.9, color=style.RIGHT(0.85 * share)))
            ink = "white" if share > SHARE_LIGHT else style.INK
            axes.text(column + 0.47, most - row - 0.56, name, ha="center", va="center", fontsize=7.5, color=ink)
    axes.set_xlim(0, len(values))
    axes.set_ylim(0, most)
    axes.set_xticks([column + 0.47 for column in range(len(values))], list(values), fontsize=7.5)
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
