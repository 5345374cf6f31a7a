"""A search for a network as a job commits it, with made-up scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.unit.report import samples
from vm_worker.designs.layers import Given
from vm_worker.learn.design.spaces.layers import LayersSpace
from vm_worker.learn.networks.designed import DESIGNED, TITLES
from vm_worker.report_facts import Facts
from vm_worker.results.candidates import CandidateRow, Selected
from vm_worker.results.designs import RANDOM, Comparison, Designed, NetworkRow, RungScore


def searched(designer: str = "controller", verdict: str = "same", count: int = 36) -> Designed:
    """Return a search of so many networks."""
    random, space = np.random.default_rng(1), LayersSpace(Given(32, 6), 5)
    rows = [_row(number, designer, space, random) for number in range(1, count + 1)]
    order = sorted(rows, key=lambda row: -(row.score or 0))
    for by in {row.by for row in rows}:
        best = next(row for row in order if row.by == by and row.state == "tried")
        rows[best.number - 1] = replace(best, scores=(*best.scores, RungScore(9, 0.66)), again=(0.62, 0.64))
    judged = {row.by: row.number for row in rows if row.again}
    values = {one.name: {str(v): float(random.random()) for v in one.values} for one in space.space.dimensions}  # type: ignore[union-attr]
    return Designed(
        designer=designer,
        space="layers",
        side=32,
        networks=tuple(rows),
        best=judged[designer],
        seconds=1250.0,
        outcome="the time for new networks was over",
        rungs=(3, 9, 27),
        chance=0.17,
        comparison=None if designer == RANDOM else Comparison(judged[designer], judged[RANDOM], 420, 0.4, verdict),
        values=values if designer in ("controller", "q_learning") else None,
    )


def _row(number: int, designer: str, space: LayersSpace, random: np.random.Generator) -> NetworkRow:
    by = RANDOM if number % 2 else designer
    point = space.space.draw(random)
    score = round(float(random.normal(0.5 + 0.004 * number * (by != RANDOM), 0.05)), 4)
    state = "given_up" if number % 11 == 0 else "tried"
    undecided = round(1 - number / 60, 3) if by == "controller" else None
    scores = (RungScore(1 if state == "given_up" else 3, 0.16 if state == "given_up" else score),)
    return NetworkRow(number, by, str(space.decode(point)), scores, state, "", 21.5, 3.1, (), undecided)


def facts(design: Designed, state: str = "evaluated") -> Facts:
    """Return the facts of a job with this search; the designed network has this state among the candidates."""
    made = samples.facts()
    row = CandidateRow(
        DESIGNED, TITLES[DESIGNED], 0.71, (0.66, 0.76), 0.9, 61_000, 200.0, state, "trained from scratch"
    )
    select: Selected = replace(made.select, candidates=(*made.select.candidates, row), design=design)
    return replace(made, select=select)
