"""Select the network that suits the photos: heads on the features of each candidate, judged by validation.

Where all photos through all candidates would take longer than the time left, a few photos go through each candidate
first. Candidates that are clearly worse on them are left out. The features of these photos are computed only once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vm_worker.learn import free_memory
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks import catalogue
from vm_worker.learn.progress_events import ProgressSink
from vm_worker.learn.select import pruning
from vm_worker.learn.select.candidate_features import CandidateFeatures
from vm_worker.learn.select.conclusion import conclude
from vm_worker.learn.select.request import LEAST_IMAGES as LEAST_IMAGES
from vm_worker.learn.select.request import Selection as Selection
from vm_worker.learn.select.request import SelectionRequest as SelectionRequest
from vm_worker.learn.select.scratch_candidates import ScratchCandidates
from vm_worker.learn.select.selection_run import REACHED, SelectionRun
from vm_worker.learn.select.time_shares import FEW_OF_PAIRS

PROBES_SHARE = 0.35  # of the time left, for the probes of all candidates


def select(request: SelectionRequest, sink: ProgressSink) -> Selection:
    """Evaluate the candidates, as many as the budget allows, and choose the best one.

    Those that are expected to gain most for their seconds come first. The first candidate always gives a head, though
    from fewer photos where the time does not suffice for all. Networks from scratch, where they were asked for, come
    last. Raises ValueError where there is no candidate.
    """
    wanted, before = request.candidates(), request.earlier.keys if request.earlier else ()
    alone = not (wanted or before)
    scratch = ScratchCandidates(request.dataset, request.options, alone, request.budget, request.scratch)
    request = replace(request, budget=Budget(request.budget.deadline - scratch.seconds))
    run = SelectionRun(request, sink, len(wanted) + len(before), scratch)
    backbones = sorted(map(catalogue.find, wanted), key=lambda row: (-row.gain / row.gflops, row.key))
    own, candidates = ([run.candidate(row) for row in rows] for rows in (map(catalogue.find, before), backbones))
    if own or candidates:
        run.send_quote([*own, *candidates][0], [*(one.backbone for one in own), *backbones])
        candidates = candidates if own else run.reordered(candidates)
        for candidate in _not_pruned(run, _others(run, own, candidates)):
            if run.reached_goal():
                run.leave_out(candidate, REACHED)
                continue
            _evaluate(run, candidate)
            free_memory.give_back()
    run.train_from_scratch()
    return conclude(run)


def _others(
    run: SelectionRun, own: list[CandidateFeatures], candidates: list[CandidateFeatures]
) -> list[CandidateFeatures]:
    """Evaluate an earlier model's networks and what these are compared with; return what is still to be tried."""
    earlier = run.request.earlier
    if earlier is None:
        return candidates
    for candidate in own:
        _evaluate(run, candidate)
        free_memory.give_back()
    rest = _compared(run, earlier.references, candidates) if earlier.tuned else candidates
    note = earlier.unneeded(run.table.candidates)
    for candidate in rest if note else ():
        run.leave_out(candidate, note)
    return [] if note else rest


def _compared(
    run: SelectionRun, references: Sequence[str], candidates: list[CandidateFeatures]
) -> list[CandidateFeatures]:
    """Evaluate the network that an earlier model's tuned one is compared with, before all that is worth less time.

    It is the same network from ImageNet, or where that is too slow, the cheapest one. Return the other candidates.
    """
    compared = [one for one in candidates if one.backbone.key in references]
    rest, before = [one for one in candidates if one not in compared], len(run.table.candidates)
    compared += sorted(rest, key=lambda one: one.backbone.gflops)[:1]
    for candidate in compared:
        if len(run.table.candidates) == before:
            _evaluate(run, candidate, run.budget_compared())
            rest = [one for one in rest if one is not candidate]
            free_memory.give_back()
    return rest


def _not_pruned(run: SelectionRun, candidates: list[CandidateFeatures]) -> Iterator[CandidateFeatures]:
    """Yield the candidates that get all photos: the most promising first, or, after probes, the most accurate first."""
    backbones = [candidate.backbone for candidate in candidates]
    photos = len(run.photos.rows)
    if not candidates or not pruning.can_save_time(photos, len(candidates)):
        yield from candidates
        return
    # The photos of the probe are the first ones of the order: their features are computed once and kept.
    first = candidates[0]
    run.extract(first, pruning.PROBE_IMAGES, run.budget(), run.request.least_images)
    seconds = run.times.for_more(len(run.table.candidates), first.backbone, first.plain)
    probed = first.done == pruning.PROBE_IMAGES and _time_for_probes(run, first, len(candidates) - 1)
    if probed and pruning.exceeds_time(photos, first.speed, backbones, seconds):
        candidates = _prune(run, candidates)
    yield from candidates


def _time_for_probes(run: SelectionRun, first: CandidateFeatures, others: int) -> bool:
    """Return whether the other candidates can be probed, if each takes as long as the first, which is a cheap one.

    Where the time ends before the last of them, or would suffice for no more candidates then than those that come first
    anyway, as they are expected to gain most, it is better spent on all photos through these.
    """
    probes, rest = others * first.seconds, (len(run.photos.rows) - first.done) / first.speed
    most = run.times.for_more(FEW_OF_PAIRS, first.backbone, first.plain)
    return probes <= run.request.budget.share(PROBES_SHARE).remaining() and probes + (FEW_OF_PAIRS + 1) * rest <= most


def _prune(run: SelectionRun, candidates: list[CandidateFeatures]) -> list[CandidateFeatures]:
    """Probe the other candidates too, and return those that are not clearly worse."""
    end = run.request.budget.share(PROBES_SHARE)
    scores = {candidates[0]: candidates[0].probe(run.head_settings)}
    for candidate in candidates[1:]:
        if run.extract(candidate, pruning.PROBE_IMAGES, end):
            scores[candidate] = candidate.probe(run.head_settings)
    worse = pruning.clearly_worse(list(scores.values()))
    run.pruning = tuple(pruning.rows(list(scores.values()), worse))
    for candidate in scores:
        if candidate.backbone.key in worse:
            run.leave_out(candidate, worse[candidate.backbone.key])
    left = [candidate for candidate in scores if candidate.backbone.key not in worse]
    # The first one is evaluated in any case, so one that cannot finish in time must not come before one that can.
    seconds = run.budget().remaining()

    def place(candidate: CandidateFeatures) -> tuple[bool, float, float]:
        late = (len(run.photos.rows) - candidate.done) / candidate.speed > seconds
        return late, -scores[candidate].score, candidate.backbone.gflops

    return sorted(left, key=place)


def _evaluate(run: SelectionRun, candidate: CandidateFeatures, budget: Budget | None = None) -> None:
    """Compute the features of all photos, and validate heads on them where that ended in time.

    The time for the features is what the shares give, unless a budget says otherwise.
    """
    least = None if run.table.candidates else max(0, run.request.least_images - candidate.done)
    if run.extract(candidate, len(run.photos.rows), budget or run.budget(candidate.backbone), least):
        run.report(0.9, f"{candidate.backbone.title}: training heads")
        run.validate(candidate)
