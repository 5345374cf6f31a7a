"""Read an upload by the task that recognises it: survey it, take it in, or check it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs.limits import Limits
from jobs.options import Options
from vm_worker.events import ProgressCallback
from vm_worker.intake import take_in as intake
from vm_worker.intake import verdict as verdicts
from vm_worker.intake.annotations import Annotations
from vm_worker.intake.dataset import Dataset
from vm_worker.intake.listing import Found
from vm_worker.intake.pool import Decoders
from vm_worker.intake.survey import Survey, list_upload
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.intake.verdict import Verdict
from vm_worker.tasks.task import recognised

DEFAULTS = Options()


def survey(path: Path, limits: Limits, options: Options = DEFAULTS) -> Survey:
    """List the photos of a zip or folder, by names and sizes alone.

    Raises UserError with a dataset code, and OSError where the file itself cannot be read.
    """
    found = list_upload(path, limits)
    listing: Survey = _reader(found, options).survey(found, limits)
    return listing


def take_in(
    request: IntakeRequest,
    progress: ProgressCallback,
    options: Options = DEFAULTS,
    decoders: Decoders | None = None,
) -> Dataset[Any]:
    """Make the dataset of a zip or folder. Raises the errors of `survey` and of `intake.take_in`."""
    found = list_upload(request.source, request.limits)
    return intake.take_in(request, _reader(found, options), progress, decoders)


def verdict(path: Path, limits: Limits, decoders: Decoders | None = None, options: Options = DEFAULTS) -> Verdict:
    """Check a zip or folder without training. Bad input raises no error. Raises DecoderFault."""
    return verdicts.verdict(path, limits, lambda found: _reader(found, options), decoders)


def _reader(found: Sequence[Found], options: Options) -> Annotations[Any, Any]:
    return recognised(found, options.task).asked(options)
