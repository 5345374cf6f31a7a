"""The upload part of an answer: signed links for one object, and the headers that they stand for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from function.answers import stamp
from function.signing import Signer, SignRequest
from jobs.limits import Limits


def upload_answer(signer: Signer, bucket: str, job_id: str, limits: Limits, now: datetime) -> dict[str, Any]:
    """How the zip is sent: a plain PUT, or a resumable upload that starts with a POST. Raises Transient.

    The precondition makes the object write-once: a second PUT is answered with 412.
    """
    headers = {
        "content-type": "application/zip",
        "x-goog-content-length-range": f"1,{limits.zip_bytes}",
        "x-goog-if-generation-match": "0",
    }

    def link(method: str) -> str:
        return signer.sign(SignRequest(method, bucket, f"{job_id}.zip", limits.upload_seconds, headers))

    return {
        "method": "PUT",
        "url": link("PUT"),
        "headers": headers,
        "expires_at": stamp(now + timedelta(seconds=limits.upload_seconds)),
        "max_bytes": limits.zip_bytes,
        "resumable": {
            "method": "POST",
            "url": link("RESUMABLE"),
            "headers": {**headers, "x-goog-resumable": "start"},
        },
    }
