"""The end of a selection: what is found about the photos, heads that learn from views, the pair, the last heads."""

from __future__ import annotations

from collections.abc import Sequence

from vm_worker.learn.arrays import Floats
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import head_validation
from vm_worker.learn.heads.linear import Head, softmax
from vm_worker.learn.judge.findings import Findings, judged_by, make_findings
from vm_worker.learn.judge.suspects import suspect_rows
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.weights import EARLIER
from vm_worker.learn.select import contenders, earlier, pairs, scratch_candidates, viewing
from vm_worker.learn.select.mean_features import MeanFeatures, of_table
from vm_worker.learn.select.pairs import Pair, PairFigures
from vm_worker.learn.select.ranking import Candidate
from vm_worker.learn.select.request import Selection
from vm_worker.learn.select.selection_run import SelectionRun
from vm_worker.learn.select.selection_table import CandidateRecord
from vm_worker.learn.select.time_shares import for_views

LATENCY_SHARE = 0.2  # of the time left, for the latency of tied candidates, where the objective needs it
FINDINGS_SHARE = 0.15  # of the time left when the winner is known, for suspects and the learning curve


def conclude(run: SelectionRun) -> Selection:
    """Choose the winner and gather its figures."""
    if run.request.options.objective != "accuracy":
        run.table.measure_latency(run.request.folder, run.request.budget.remaining() * LATENCY_SHARE)
    best = run.table.choose()
    run.report(0.0, f"{best.candidate.backbone.title} is the best candidate")
    scratch = run.scratch.models.get(best.candidate.backbone.key)
    findings = scratch_candidates.findings(scratch) if scratch else _findings(run, best)
    whole = not (scratch or best.candidate.partial)
    # Candidates are compared as they were without views, and so they are told.
    figures, rows, note = run.pair_figures(best) if whole else None, run.table.rows(), run.table.reason()
    if whole and not run.reached_goal():
        best, figures = _viewed(run, best, figures)
        findings = judged_by(findings, best.candidate.result) if best.candidate.result.views else findings
    unseen, own = _unseen(run, best) if whole else (None, None)
    pair = None if own is None or figures is None else _pair(run, best, figures, own)
    results = {one.backbone.key: one.result for one in run.table.candidates}
    return Selection(
        winner=best.candidate.backbone.key,
        head=scratch.head if scratch else _refitted(run, best.candidate),
        candidates=tuple(viewing.told(row, results) for row in rows),
        curve=run.table.curve(),
        note=note,
        images_per_second=round(best.candidate.images_per_second, 2),
        plain_images_per_second=round(best.plain, 2),
        pruning=run.pruning,
        findings=findings,
        suspects=() if scratch else suspect_rows(findings.suspects or (), run.request.dataset, best.rows),
        from_scratch=scratch,
        bar=pair.bar if pair else None if own is None else softmax(own),
        unseen=unseen,
        pair=pair,
        design=run.scratch.design,
        learnt=len(best.rows) if best.candidate.partial else None,
        mean=_mean(run),
        continued=earlier.compared(run.table.candidates, best.candidate, pair, run.tuned_before),
        contenders=contenders.contenders(
            run.table, run.scratch.models, run.request.options.objective, lambda one: _refitted(run, one)
        ),
    )


def _mean(run: SelectionRun) -> MeanFeatures | None:
    """Return the photos' mean features by the network that compares sets of photos; None: it was no candidate."""
    for one in run.table.candidates:
        key = one.backbone.key
        if catalogue.plain(key) == catalogue.COMMON and run.request.weight(one.backbone).kind != EARLIER:
            return of_table(one.features, len(run.photos.rows))
    return None


def _refitted(run: SelectionRun, candidate: Candidate) -> Head:
    return head_validation.refit(candidate.features, run.head_settings, candidate.result)


def _unseen(run: SelectionRun, best: CandidateRecord) -> tuple[Head | None, Floats]:
    """Return a head of all depths that tuning may start from, and the winner's logits of the validation photos.

    Neither has seen these. There is no such head where tuning has no use for it.
    """
    table, result, options = best.candidate.features, best.candidate.result, run.request.options
    deep = any(part.fraction for part in result.parts)
    if not (deep and options.trials != 0 and options.objective == "accuracy"):
        return None, head_validation.unseen(table, run.head_settings, result)
    head = head_validation.fit(table, table.everything[: table.train], run.head_settings, result)
    return table.of_network(head), head_validation.by_unseen(table, head)


def _viewed(
    run: SelectionRun, best: CandidateRecord, figures: PairFigures | None
) -> tuple[CandidateRecord, PairFigures | None]:
    """Let the heads of the winner, and of its partner in a pair, learn from views, too, where there is time.

    Return the winner, and what its pair comes to then; None where a pair is not better any more.
    """
    partners = [] if figures is None else [run.table.record(figures.partner)]
    records = [one for one in (best, *partners) if viewing.takes(one) and run.ready(one) is not None]
    count = viewing.count(records, run.request.views, _seconds(run, best, partners))
    for number, record in enumerate(records if count else ()):
        features = run.ready(record)
        heads = for_views(0.0, sum(one.heads_seconds for one in records[number:]), count)
        passes = Budget.of(_seconds(run, best, partners) - heads)
        run.report(0.9, f"{record.candidate.backbone.title}: {count} random views of each photo")
        if features is not None:
            run.table.add(viewing.with_views(record, features, run.head_settings, count, passes))
            features.release()
    best = run.table.best()
    return best, run.pair_figures(best, [run.table.record(one.candidate).candidate for one in partners])


def _seconds(run: SelectionRun, best: CandidateRecord, partners: Sequence[CandidateRecord]) -> float:
    """Return the seconds that are left before the last stages of what was selected, without tuning."""
    speed, gflops = best.plain, best.candidate.backbone.gflops
    for partner in partners:
        speed, gflops = pairs.together(speed, partner.plain), gflops + partner.candidate.backbone.gflops
    second = pairs.SECONDS * run.request.slowness() if partners else 0.0
    return run.request.budget.remaining() - run.times.finishing(speed, gflops) - second


def _pair(run: SelectionRun, best: CandidateRecord, figures: PairFigures, own: Floats) -> Pair:
    """Return the pair with these figures; `own` (m, k) are the winner's logits of the validation photos, unseen."""
    return pairs.trained(best, run.table.record(figures.partner), figures, run.head_settings, own)


def _findings(run: SelectionRun, best: CandidateRecord) -> Findings:
    """Return the findings, without any where a pass over the folds may not fit into their share of the time.

    The pass trains heads of one strength, so it takes less time than validation, which trained many strengths.
    """
    budget = run.request.budget.share(FINDINGS_SHARE)
    if budget.remaining() < best.heads_seconds:
        return Findings(None, None, None)
    return make_findings(best.candidate.features, run.head_settings, best.candidate.result, budget)
