"""How far a job is, and how long it will go on: what the page shows."""

from __future__ import annotations

from jobs.job import Stage

SHARES = {  # of the progress bar
    Stage.INTAKE: 0.05,
    Stage.SELECT: 0.35,
    Stage.TUNE: 0.30,
    Stage.EVALUATE: 0.08,
    Stage.EXPORT: 0.18,
    Stage.REPORT: 0.04,
}
MESSAGES = {
    Stage.INTAKE: "Reading your photos",
    Stage.SELECT: "Trying the candidates",
    Stage.TUNE: "Tuning the best one",
    Stage.EVALUATE: "Testing on photos that it has never seen",
    Stage.EXPORT: "Checking the model files in a clean process",
    Stage.REPORT: "Writing the report",
}
LITTLE = 0.02  # of the bar: what the time until then says of the rest is nothing


def whole(stage: Stage, fraction: float) -> float:
    """How much of the job is done when so much of the stage is, 0..1."""
    order = list(SHARES)
    before = sum(SHARES[one] for one in order[: order.index(stage)])
    return before + SHARES[stage] * min(1.0, max(0.0, fraction))


def remaining(done: float, elapsed: float, left: float, expected: float) -> float:
    """Seconds to go: by what was done in the `elapsed` ones, or what is `expected` if that is more; at most `left`."""
    guess = elapsed * (1 - done) / done if done > LITTLE else left
    return round(max(0.0, min(left, max(guess, expected))), 1)
