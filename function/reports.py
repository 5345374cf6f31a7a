"""The report on a finished job's page: read from the models bucket, and shown by the same templates as the file.

The page does without it: whatever is wrong with the report, the page is shown all the same.
"""

from __future__ import annotations

import json
import logging
from urllib.parse import urlsplit

from markupsafe import Markup

from function.addresses import JobAddresses
from jobs.job import Job, Status
from jobs.render import render
from jobs.storage.store import Store
from jobs.tasks import row_of

_log = logging.getLogger(__name__)

REPORT = "report.json"
MOST_BYTES = 4 * 1024**2  # of report.json: 200 classes make 600 KB
PICTURE_ENDS = (".png", ".jpg")


def body(job: Job, models: Store, addresses: JobAddresses) -> Markup | None:
    """Make the report's HTML with pictures and downloads of this site; None where there is none that can be shown."""
    row = job.files.get(REPORT)
    if job.status is not Status.DONE or row is None or (row.bytes or 0) > MOST_BYTES:
        return None
    try:
        blob = models.get(row.object)
        return None if blob is None or len(blob.data) > MOST_BYTES else _shown(job, json.loads(blob.data), addresses)
    except Exception as error:  # an older worker's report, or a storage that does not answer now
        # The log gets the error's kind alone: its message may hold the job's whole id.
        _log.warning("job %s: its report cannot be shown: %s", job.short_id, type(error).__name__)
        return None


def _shown(job: Job, report: dict[str, object], addresses: JobAddresses) -> Markup:
    report["files_url"] = addresses.file(job.id, "").rstrip("/")
    # Paths: the page may be shown under another name of this host, and then only its own pictures are allowed.
    names = [name for name in job.files if name.endswith(PICTURE_ENDS)]
    pictures = {name: urlsplit(addresses.file(job.id, name)).path for name in names}
    # Escaped by the templates themselves.
    return Markup(render(row_of(report).page, report=report, pictures=pictures, heading="h2"))  # noqa: S704
