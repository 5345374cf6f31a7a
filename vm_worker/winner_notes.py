"""What the report says of a model that is more than one network with a head: how it is made, what it costs."""

from __future__ import annotations

from jobs import wording
from vm_worker.report_facts import Facts
from vm_worker.results.candidates import PairRow

BYTES_A_PARAMETER = 4


def winner_notes(facts: Facts) -> list[str]:
    """Return a sentence or two on a pair, on a mean with tuned layers, or on both; empty: it is one network."""
    pair, copied = facts.pair, facts.tune.share is not None
    if pair is not None:
        return [_pair_note(facts, pair), *([_copy_note(facts)] if copied else [])]
    if not copied:
        return []
    costs = f"{_costs(facts)}. With objective balanced or small the layers are there once."
    return [_copy_note(facts), costs]


def milliseconds(facts: Facts) -> float | None:
    """Return the median milliseconds of the delivered model.tflite for one photo on one core; None: not measured."""
    measured = (row.latency.one.median for row in facts.export.exports if row.format == "tflite" and row.latency)
    return next(measured, None)


def _copy_note(facts: Facts) -> str:
    title = facts.select.best.title
    return (
        f"The upper layers of {title} are there twice, as they were and tuned to your photos; its answer is the mean "
        "of both."
    )


def _pair_note(facts: Facts, pair: PairRow) -> str:
    """Explain what is delivered in place of the best network alone, and what that costs."""
    best = facts.select.best
    each = " of each kind on average" if best.metric == "balanced_accuracy" else ""
    both, alone = (wording.percent(score, 1) for score in (pair.validation_score, best.validation_score))
    return (
        f"You get the mean of two networks' answers, {pair.title}. On the validation photos it is right on "
        f"{both}{each}, the best network alone, {best.title}, on {alone}. It was taken as its probabilities "
        f"are nearer to the truth: its cross-entropy is {pair.validation_loss:.3f}, that of the best network alone "
        f"{best.validation_loss:.3f}; lower is better. {_costs(facts)}. "
        "With objective balanced or small you get one network."
    )


def _costs(facts: Facts) -> str:
    """Say how large and how fast the model is, beside the best network alone."""
    best, costs = facts.select.best, facts.export.costs
    single = (best.parameters or 0) * BYTES_A_PARAMETER
    text = f"The file has {wording.size(facts.evaluate.model.bytes)} instead of about {wording.size(single)}"
    took = milliseconds(facts)
    if took is not None and best.name in costs:
        single_ms = wording.plain(costs[best.name].one.median)
        text += f", and a photo takes about {wording.plain(took)} ms instead of {single_ms}"
    return text
