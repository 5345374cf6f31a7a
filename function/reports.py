"""The report on a finished job's page: read from the models bucket, and rendered by the same templates as the file.

The page is also shown without a report, when reading or rendering it fails.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from markupsafe import Markup

from function import assets
from function.addresses import JobAddresses
from jobs import browser_runtime, trying
from jobs.job import Job, Status
from jobs.render import render
from jobs.storage.store import Store
from jobs.tasks import row_of

_log = logging.getLogger(__name__)

REPORT = "report.json"
TRIAL = ("engine.js", "try.js")  # assets that try a model
MOST_BYTES = 4 * 1024**2  # largest size of report.json: 200 classes make 600 KB
PICTURE_ENDS = (".png", ".jpg", ".svg")


@dataclass(frozen=True)
class ShownReport:
    """A report as the page shows it."""

    body: Markup  # HTML with pictures and downloads of this site
    good_enough: bool  # false: the test cannot tell the model from guessing
    scripts: tuple[str, ...]  # assets that its parts need

    @property
    def tried(self) -> bool:
        """Whether the page can try the model."""
        return TRIAL[-1] in self.scripts


def read(job: Job, models: Store, addresses: JobAddresses) -> ShownReport | None:
    """Return the job's report; None when it cannot be shown."""
    row = job.files.get(REPORT)
    if job.status is not Status.DONE or row is None or (row.bytes or 0) > MOST_BYTES:
        return None
    try:
        blob = models.get(row.object)
        return None if blob is None or len(blob.data) > MOST_BYTES else _shown(job, json.loads(blob.data), addresses)
    except Exception as error:  # a report of an older worker, or a storage that does not answer now
        # Only the kind of the error is logged: its message may hold the job's whole id.
        _log.warning("job %s: its report cannot be shown: %s", job.short_id, type(error).__name__)
        return None


def _shown(job: Job, report: dict[str, object], addresses: JobAddresses) -> ShownReport:
    report["files_url"] = addresses.file(job.id, "").rstrip("/")
    # Paths without a host: the page may have another host name, and then allows only pictures of that host.
    names = [name for name in job.files if name.endswith(PICTURE_ENDS)]
    pictures = {name: urlsplit(addresses.file(job.id, name)).path for name in names}
    trial = _trial(job, report, addresses)
    body = render(row_of(report).page, report=report, pictures=pictures, heading="h2", trial=trial)
    return ShownReport(
        Markup(body),  # noqa: S704 - the templates have escaped it
        good_enough=report.get("good_enough") is not False,
        scripts=_scripts(body, trial),
    )


def _scripts(body: str, trial: dict[str, object] | None) -> tuple[str, ...]:
    """Return the assets that the parts of a report's page need."""
    if trial is None:
        return ("steps.js",) if 'data-part="steps"' in body else ()
    return ("doubts.js", "limit.js", *([] if trial["obstacle"] else TRIAL))


def _trial(job: Job, report: dict[str, object], addresses: JobAddresses) -> dict[str, object] | None:
    """Return what the part of the page that tries the model shows; None for models that no page can try."""
    if not trying.offered(report):
        return None
    if obstacle := trying.obstacle(report, job.files):
        return {"obstacle": obstacle}
    return {
        "obstacle": "",
        "facts": trying.trial(report, job.files[trying.MODEL].bytes or 0).to_json(),
        "worker": assets.path(assets.MODEL_WORKER),
        "model": urlsplit(addresses.file(job.id, trying.MODEL)).path,
        "licence": assets.path(browser_runtime.LICENCE),
    }
