"""The test of the delivered model: model.h5 answers the test photos in a clean process, which proves the file, too.

While one process answers, this one does what needs one core: it writes model.keras, and draws pictures.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from jobs.errors import Bug
from vm_worker.exports import files, formats
from vm_worker.exports.agreement import Answers
from vm_worker.exports.clean import CleanProcess, Place
from vm_worker.exports.formats import CLOSE, FORMATS, Reader
from vm_worker.exports.verify import Proof, judged
from vm_worker.intake.dataset import Part
from vm_worker.learn.judge.predict import at_once
from vm_worker.results.exported import ExportRow
from vm_worker.stages.context import StageContext

CLEAN_SECONDS = 300.0  # the time limit of a clean process, beside what the photos take
CLEAN_PASSES = 6.0  # times as long as expected that the photos of model.h5 and model.keras may take
FEW = 8  # photos that the model answers before it is written, too

log = logging.getLogger(__name__)


class CleanTest:
    """A clean process that answers the test photos. It starts at once, while the model is built."""

    def __init__(self, context: StageContext) -> None:
        inputs = context.inputs
        self._context, self._dataset, self._size = context, inputs.dataset(), inputs.delivered.size
        self.rows = self._dataset.rows(Part.TEST)
        seconds = CLEAN_SECONDS + CLEAN_PASSES * len(self.rows) / context.clock.plain_speed
        place = Place(self._dataset.images[self._size], inputs.scratch)
        self._clean, self._aside = CleanProcess(place, Reader.TENSORFLOW, seconds), ThreadPoolExecutor(1)
        self._keras: Future[Answers | str] | None = None
        self._shown = self.rows  # that model.keras answers
        self._seconds = 0.0  # that model.h5 took
        self._clean.start()

    def close(self) -> None:
        """End the process."""
        self._aside.shutdown(cancel_futures=True)
        self._clean.close()

    def answers(self, model: Any) -> tuple[Answers, ExportRow]:
        """Return what model.h5 answers to the test photos, (m, k) float32, and the row of its proof.

        `model` is the keras.Model that was written there. model.keras is written meanwhile. Raises Bug where the file
        cannot be loaded elsewhere, or says something else than the model for the first photos.
        """
        folder, began = self._context.folder, time.monotonic()
        asked = self._aside.submit(self._clean.answers, folder / files.H5, self.rows)
        few = self.rows[:FEW]
        built = at_once(model, self._dataset.pixels(self._size)[few])
        self._write_keras(model)
        said = asked.result()
        self._seconds = time.monotonic() - began
        if isinstance(said, str):
            raise Bug(f"model.h5 does not survive a clean process: {said}")
        # The model was called without a graph, in which sums are rounded otherwise.
        row = judged(replace(FORMATS["h5"], difference=CLOSE), said[:FEW], self._proof(few, built))
        if row.state != "made":
            raise Bug(f"model.h5 is not the model that was written: {row.note}")
        everything = judged(FORMATS["h5"], said, self._proof(self.rows, said))
        return said, replace(everything, max_difference=row.max_difference)

    def prove_keras(self) -> None:
        """Let model.keras answer some test photos, where it was asked for and there is time; do not wait for it."""
        clock, asked = self._context.clock, formats.wanted(self._context.spec.options.exports)
        later = [row for row in asked if row.key != "h5"]
        self._shown = self.rows[clock.proof(len(self.rows), later, self._context.inputs.delivered.gflops)]
        path = self._context.folder / files.KERAS
        if path.exists() and clock.export_time() > self._seconds:
            self._keras = self._aside.submit(self._clean.answers, path, self._shown)
        else:
            path.unlink(missing_ok=True)  # the export stage says that the time did not suffice

    def keras_rows(self, answers: Answers) -> tuple[ExportRow, ...]:
        """Return the row of model.keras beside the `answers` (m, k) of model.h5; none where it was not asked."""
        if self._keras is None:
            return ()
        expected = answers[np.isin(self.rows, self._shown)]
        return (judged(FORMATS["keras"], self._keras.result(), self._proof(self._shown, expected)),)

    def _write_keras(self, model: Any) -> None:
        path = self._context.folder / files.KERAS
        if "keras" not in self._context.spec.options.exports:
            return
        try:
            files.save(model, path)
        except Exception:  # the export stage tries again, and says why it fails
            log.exception("model.keras could not be written")
            path.unlink(missing_ok=True)

    def _proof(self, rows: Any, expected: Answers) -> Proof:
        inputs, truth = self._context.inputs, self._dataset.truth.take(rows)
        return Proof(
            self._dataset.images[self._size], rows, truth, expected, inputs.task.agreement, inputs.scratch, 0.0
        )
