"""The Pareto front of the candidates, against its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vm_worker.evaluation import pareto
from vm_worker.results.candidates import CandidateRow
from vm_worker.results.exported import Latency, ThreadLatency


def candidate(name: str, accuracy: float | None, state: str = "evaluated") -> CandidateRow:
    return CandidateRow(name, name.title(), accuracy, None, None, 1000, 1.0, state, "")


def figures(size: int, milliseconds: float) -> Latency:
    one, every = (ThreadLatency(1, value, value, value) for value in (milliseconds, milliseconds / 2))
    return Latency(100, size, one, every)


def test_who_is_beaten_in_everything_is_not_on_the_front() -> None:
    candidates = [
        candidate("large", 0.9, "chosen"),
        candidate("fast", 0.8),
        candidate("beaten", 0.8),  # as accurate as the fast one, slower
        candidate("twin", 0.8),  # equal to the fast one in all
        candidate("unmeasured", 0.99),
        candidate("dropped", None),
    ]
    known = {"large": figures(50, 40.0), "fast": figures(10, 5.0), "beaten": figures(10, 6.0), "twin": figures(10, 5.0)}
    rows = pareto.rows(candidates, known | {"dropped": figures(1, 1.0)})
    assert [(row.name, row.front) for row in rows] == [
        ("fast", True),
        ("twin", True),
        ("beaten", False),
        ("large", True),
    ]
    assert [row.name for row in rows if row.chosen] == ["large"]
    assert rows[0].all_ms == 2.5


def test_the_front_is_that_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, (40, 3))  # few values, so that there are equals
    candidates = [candidate(f"n{row}", accuracy / 10) for row, (accuracy, _, _) in enumerate(values)]
    known = {f"n{row}": figures(int(size), float(slow)) for row, (_, size, slow) in enumerate(values)}
    merits = values * [1, -1, -1]
    for row in pareto.rows(candidates, known):
        own = merits[int(row.name[1:])]
        beaten = any((other >= own).all() and (other > own).any() for other in merits)
        assert row.front is not beaten


def test_a_picture_is_drawn_of_two_or_more(tmp_path: Path) -> None:
    candidates, known = [candidate("$$", 0.9), candidate("b", 0.8)], {"$$": figures(50, 40.0), "b": figures(1, 5.0)}
    rows = pareto.rows(candidates, known)
    assert pareto.draw(tmp_path / "p.png", rows) and (tmp_path / "p.png").stat().st_size > 5000
    assert not pareto.draw(tmp_path / "q.png", rows[:1]) and not (tmp_path / "q.png").exists()
