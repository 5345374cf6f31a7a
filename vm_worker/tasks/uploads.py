"""Read an upload by the task that recognises it: survey it, take it in, or check it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options, without_effect
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
from vm_worker.learn.design import own_network
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
    dataset = intake.take_in(request, _reader(found, options), progress, decoders)
    return replace(dataset, warnings=(*dataset.warnings, *_without_effect(found, options)))


def verdict(path: Path, limits: Limits, decoders: Decoders | None = None, options: Options = DEFAULTS) -> Verdict:
    """Check a zip or folder without training. Bad input raises no error. Raises DecoderFault."""
    said = verdicts.verdict(path, limits, lambda found: _reader(found, options), decoders)
    if not said.accepted:
        return said
    found = list_upload(path, limits)
    try:
        _check_own(found, options)
    except UserError as error:
        message = f"{own_network.FILE}: {error.message} {error.row.advice}"
        return replace(said, verdict="rejected", code=error.code, message=message)
    more = _without_effect(found, options)
    return replace(said, message=" ".join([said.message, *more]), warnings=(*said.warnings, *more))


def _reader(found: Sequence[Found], options: Options) -> Annotations[Any, Any]:
    return recognised(found, options.task).asked(options)


def _check_own(found: Sequence[Found], options: Options) -> None:
    """Check the network in the upload, as far as it counts. Raises UserError `bad_architecture`."""
    if options.architecture or not recognised(found, options.task).squares:
        return
    if own := own_network.text(found):
        own_network.check_unseen(own)


def _without_effect(found: Sequence[Found], options: Options) -> list[str]:
    """Return a sentence about options that the task which recognised the upload does not take; none without one."""
    said = without_effect(options, recognised(found, options.task).name)
    return [said] if said else []
