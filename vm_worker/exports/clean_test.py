"""The test of a model: model.h5 answers the test photos in a clean process, which proves the file, too.

While that process answers, this one does what needs one core: it writes model.keras, and draws pictures.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import Bug
from vm_worker.exports import files
from vm_worker.exports.agreement import Agreement, Answers
from vm_worker.exports.clean import CleanProcess, Place
from vm_worker.exports.formats import CLOSE, FORMATS, Reader
from vm_worker.exports.verify import Proof, judged
from vm_worker.intake.truth import Truth
from vm_worker.learn.judge.predict import at_once
from vm_worker.results.exported import ExportRow

FEW = 8  # photos that the model answers in memory, too

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CleanOrder:
    """An order: a model that was written, and the photos that it is tested on."""

    folder: Path  # that holds model.h5, and receives model.keras
    place: Place  # the photos, and a folder for scratch files
    rows: NDArray[np.int64]  # (m,) of the test photos
    truth: Truth  # the true answers for these
    agreement: Agreement[Any]  # compares answers
    seconds: float  # time limit of the clean process


class CleanTest:
    """A clean process that answers the test photos. It starts at once, while the model is built."""

    def __init__(self, order: CleanOrder) -> None:
        self._order = order
        self._clean = CleanProcess(order.place, Reader.TENSORFLOW, order.seconds)
        self._aside = ThreadPoolExecutor(1)
        self._keras: Future[Answers | str] | None = None
        self._shown = slice(None)  # of the test photos, those that model.keras answers
        self._clean.start()

    def close(self) -> None:
        """End the process."""
        self._aside.shutdown(cancel_futures=True)
        self._clean.close()

    def answers(self, model: Any, with_keras: bool) -> tuple[Answers, ExportRow]:
        """Return what model.h5 answers to the test photos, (m, k) float32, and the row of its proof.

        `model` is the keras.Model that was written there; `with_keras` writes it as model.keras meanwhile. Raises Bug
        where the file cannot be loaded elsewhere, or says something else than the model for the first photos.
        """
        order = self._order
        asked = self._aside.submit(self._clean.answers, order.folder / files.H5, order.rows)
        few = slice(FEW)
        built = at_once(model, np.load(order.place.images, mmap_mode="r")[order.rows[few]])
        if with_keras:
            self._write_keras(model)
        said = asked.result()
        if isinstance(said, str):
            raise Bug(f"model.h5 does not survive a clean process: {said}")
        # The model was called without a graph, in which sums are rounded otherwise.
        row = judged(replace(FORMATS["h5"], difference=CLOSE), said[few], self._proof(few, built))
        if row.state != "made":
            raise Bug(f"model.h5 is not the model that was written: {row.note}")
        everything = judged(FORMATS["h5"], said, self._proof(slice(None), said))
        return said, replace(everything, max_difference=row.max_difference)

    def prove_keras(self, shown: slice, fits: bool) -> None:
        """Let model.keras answer these of the test photos, and do not wait for it.

        Where it was not written, or does not fit into the time, it is left to who makes the other formats.
        """
        path = self._order.folder / files.KERAS
        if path.exists() and fits:
            self._shown = shown
            self._keras = self._aside.submit(self._clean.answers, path, self._order.rows[shown])
        else:
            path.unlink(missing_ok=True)

    def keras_rows(self, answers: Answers) -> tuple[ExportRow, ...]:
        """Return the row of model.keras beside the `answers` (m, k) of model.h5; none where it was not asked."""
        if self._keras is None:
            return ()
        return (judged(FORMATS["keras"], self._keras.result(), self._proof(self._shown, answers[self._shown])),)

    def _write_keras(self, model: Any) -> None:
        path = self._order.folder / files.KERAS
        try:
            files.save(model, path)
        except Exception:  # who makes the other formats tries again, and says why it fails
            log.exception("model.keras could not be written")
            path.unlink(missing_ok=True)

    def _proof(self, shown: slice, expected: Answers) -> Proof:
        order, place = self._order, self._order.place
        rows, truth = order.rows[shown], order.truth.take(np.arange(len(order.rows))[shown])
        return Proof(place.images, rows, truth, expected, order.agreement, place.folder, timeout=0.0)
