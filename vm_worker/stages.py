"""The ordered stages of an attempt, run in its child process.

A stage is a function from the attempt's `Work` to an `Output`: plain values and files. What an
earlier attempt has committed is adopted; caches (decoded photos, features) are simply made again.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from jobs.errors import Bug
from jobs.job import Stage
from vm_worker.events import Answer, Event, File, ProgressEvent, StageOffer, TrialOffer
from vm_worker.exports import files, formats
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks import small_rows
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone
from vm_worker.learn.networks.weights import OWN, WeightFile, find
from vm_worker.progress import MESSAGES, remaining, whole
from vm_worker.spec import Spec
from vm_worker.tasks.uploads import take_in

DECODERS = 2  # processes; more gain nothing on two cores
FINISH_SECONDS = 4.0  # small files, plots and uploads
STARTS = 3.0  # evaluate, export and report cost so many starts of the learning besides: one is the clean process's own
START_SECONDS = 5.0  # of the learning's start, where none was measured
FINISH_PASSES = 3.0  # forward passes over the test images in evaluate and export
EXTRAS_SHARE = 0.25  # of the whole budget, at most, for the formats beside .h5 and .keras
SMALL_GFLOPS = 0.4  # of a network that is not chosen yet
PROOF_LEAST = 50  # test images that each file is proved on, whatever the time
PROGRESS_GAP = 0.5  # seconds between two progress events
GROWN = "grown.weights.h5"  # all layers but the last of a network that was trained from nothing

log = logging.getLogger(__name__)


class Link(Protocol):
    """The way to the parent."""

    def send(self, event: Event) -> None:
        """Tell it something."""
        ...

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        """Offer a stage or a trial, and wait for what becomes of it."""
        ...


def public(name: str) -> File:
    """A file that the user may download."""
    return File(name, True, files.CONTENT_TYPES.get(Path(name).suffix, files.BYTES))


def private(name: str) -> File:
    """A file for later stages alone."""
    return File(name, False)


@dataclass(frozen=True)
class Output:
    """What a stage gives: plain values for its manifest, and files."""

    result: dict[str, Any]
    files: tuple[File, ...] = ()


@dataclass
class Work:
    """One attempt in progress."""

    spec: Spec
    link: Link
    began: float = field(default_factory=time.monotonic)
    results: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    quoted_seconds: float | None = None  # from claim to outcome
    start_seconds: float | None = None  # that the learning took to start, here
    _dataset: Dataset[Any] | None = None
    _shown: dict[str, Any] = field(default_factory=dict)
    _told: float = 0.0
    due: float = 0.0  # when the job is expected to end, on the monotonic clock; 0: not known yet

    @property
    def folder(self) -> Path:
        """Where files go."""
        return self.spec.folder

    @property
    def scratch(self) -> Path:
        """Where files go that nobody keeps."""
        folder = self.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def end(self) -> float:
        """When the budget ends, in monotonic seconds."""
        return self.began + self.spec.seconds

    @property
    def _allowed(self) -> float:
        """Seconds from claim to outcome."""
        return self.spec.options.minutes * 60.0

    @property
    def winner(self) -> Backbone:
        """The selected backbone."""
        return small_rows.find(self.results[Stage.SELECT]["winner"])

    @property
    def from_scratch(self) -> bool:
        """The winner is a network that this job trained from nothing."""
        return self.winner.key in small_rows.ROWS

    def weights(self) -> tuple[dict[str, WeightFile], dict[str, str]]:
        """The candidates with weights, and why the others have none. Raises Bug when nothing can be tried at all."""
        wanted = self.spec.options.candidates or tuple(CATALOGUE)
        found, missing = find(wanted, self.spec.weights, self.spec.download_weights)
        if not found and not self.spec.options.from_scratch:
            raise Bug(f"no candidate has pretrained weights here: {missing}")
        return found, missing

    def weight(self) -> WeightFile:
        """The winner's weights. Raises Bug when this machine does not have them."""
        if self.from_scratch:
            return WeightFile(self.winner.key, self.folder / GROWN, OWN)
        found, _ = self.weights()
        if self.winner.key not in found:
            raise Bug(f"this machine has no weights for {self.winner.key}")
        return found[self.winner.key]

    def dataset(self) -> Dataset[Any]:
        """The decoded photos and their split; made again where the intake was another machine's."""
        if self._dataset is None:
            sizes = {CATALOGUE[key].size for key in self.weights()[0]}
            if self.spec.options.from_scratch:
                sizes.add(small_rows.SIZE)
            if Stage.SELECT in self.results:
                sizes = {self.winner.size}
            request = IntakeRequest(
                source=self.spec.dataset,
                folder=self.folder / "cache",
                sizes=tuple(sorted(sizes)),
                seed=self.spec.options.seed,
                limits=self.spec.limits,
                processes=DECODERS,
            )
            request.folder.mkdir(exist_ok=True)
            self._dataset = take_in(request, lambda fraction, text: self.tell(Stage.INTAKE, fraction, text))
        return self._dataset

    @property
    def plain_speed(self) -> float:
        """Images a second through the winner by Keras, as selection measured it."""
        return float(self.results[Stage.SELECT].get("plain_images_per_second") or 10.0)

    @property
    def fixed_seconds(self) -> float:
        """What the end of a job needs whatever the photos; longer on a busy machine, as the learning's start was."""
        selected = self.results.get(Stage.SELECT, {}).get("start_seconds", START_SECONDS)
        return FINISH_SECONDS + STARTS * float(self.start_seconds or selected)

    def finish_seconds(self) -> float:
        """What evaluate, export and report will need, by the speed that selection measured."""
        return self.after_tuning(self.plain_speed, self.winner.gflops)

    def expect_the_end(self) -> None:
        """Tuning is over: what comes now is known well enough to say when the job will end."""
        self.due = time.monotonic() + self.finish_seconds()
        self.tell(Stage.EVALUATE, 0.0, MESSAGES[Stage.EVALUATE])

    def after_tuning(self, speed: float, gflops: float = SMALL_GFLOPS) -> float:
        """Seconds of evaluate, export and report, at so many images a second by Keras."""
        return self.fixed_seconds + self.finishing(speed, gflops)

    def finishing(self, speed: float, gflops: float) -> float:
        """The part of them that depends on the photos and the network."""
        photos = len(self.dataset().rows(Part.TEST))
        extras = [row for row in formats.wanted(self.spec.options.exports) if row.key not in formats.ALWAYS]
        wanted = formats.seconds(extras, formats.Pace(speed, gflops, photos))
        return FINISH_PASSES * photos / speed + min(wanted, self._allowed * EXTRAS_SHARE)

    def export_time(self) -> float:
        """Seconds that are left for making and proving files; negative when the budget is used up."""
        return self.end - time.monotonic() - self.fixed_seconds

    def proof(self, images: int, models: int) -> slice:
        """Which of the test images prove the files: all, or every so many where the time is short."""
        possible = max(PROOF_LEAST, self.export_time() * self.plain_speed / max(1, models))
        return slice(None, None, max(1, math.ceil(images / possible)))

    def quote(self, learning: float, speed: float) -> None:
        """Say how long the job will take: `learning` seconds of selection and tuning lie ahead of it."""
        spent = self._allowed - self.spec.seconds + time.monotonic() - self.began
        self.quoted_seconds = round(min(self._allowed, spent + learning + self.after_tuning(speed)), 1)
        price = self.quoted_seconds / 3600 * self.spec.hourly_price
        money = f", {price:.2f} of machine time" if price else ""
        message = f"It will take about {max(1, round(self.quoted_seconds / 60))} min{money}"
        self.tell(Stage.SELECT, 0.0, message, quoted_seconds=self.quoted_seconds)

    def adopt_quote(self) -> None:
        """What an earlier attempt quoted still stands."""
        quoted = self.results.get(Stage.SELECT, {}).get("quoted_seconds")
        if quoted is not None:
            self.quoted_seconds = quoted
            self._shown["quoted_seconds"] = quoted

    def tell(self, stage: Stage, fraction: float, message: str, **more: Any) -> None:
        """Progress for the status page: `fraction` is of the stage, 0..1."""
        self._shown.update(more)
        now = time.monotonic()
        if now - self._told < PROGRESS_GAP and fraction not in (0.0, 1.0):
            return
        self._told = now
        done = whole(stage, fraction)
        seconds = remaining(done, now - self.began, self.end - now, self.due - now)
        self.link.send(ProgressEvent(stage, round(done, 4), message, seconds, **self._shown))


def run_stages(spec: Spec, link: Link) -> None:
    """Every stage in order. Raises UserError for a dataset that cannot be used, anything else for our faults."""
    steps = import_module(spec.steps)
    spec.folder.mkdir(parents=True, exist_ok=True)
    work = Work(spec, link)
    for stage, function in steps.STEPS.items():
        if stage in spec.done:
            work.results[stage] = dict(spec.done[stage].result)
            work.seconds[stage] = spec.done[stage].seconds
            work.adopt_quote()
        else:
            _run(work, stage, function)


def _run(work: Work, stage: Stage, function: Callable[[Work], Output]) -> None:
    began = time.monotonic()
    work.tell(stage, 0.0, MESSAGES[stage])
    output = function(work)
    seconds = time.monotonic() - began
    log.info("%s took %.1f s", stage, seconds)
    answer = work.link.commit(StageOffer(stage, round(seconds, 2), output.result, output.files))
    work.results[stage] = answer.result(output.result)
    work.seconds[stage] = seconds


def select_budget(work: Work) -> Budget:
    """Until when learning may go on; selection leaves tuning its part of it."""
    return Budget(work.end - work.fixed_seconds)


def tune_budget(work: Work) -> Budget:
    """Until when tuning may train: what comes after it is paid first."""
    return Budget(work.end - work.finish_seconds())
