"""The part `upload` of an answer: the requests that send the zip of a job, and the time until which they work."""

from __future__ import annotations

from datetime import datetime, timedelta

from function.answers import stamp
from function.wire import Upload
from jobs.limits import Limits
from jobs.storage.links import Links


def offered(links: Links, job_id: str, limits: Limits, now: datetime) -> Upload:
    """Offer the upload of the job's zip, once. Raises Transient when no link can be made now."""
    offer = links.offer_upload(f"{job_id}.zip", limits.zip_bytes, limits.upload_seconds)
    return Upload(
        method=offer.whole.method,
        url=offer.whole.url,
        headers=offer.whole.headers,
        expires_at=stamp(now + timedelta(seconds=limits.upload_seconds)),
        max_bytes=limits.zip_bytes,
        resumable=offer.resumable,
    )
