"""The addresses of a job, absolute, from the installation's public URL and never from the Host header."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from jobs.tokens import delete_token


@dataclass(frozen=True)
class Links:
    """Makes links; `public_url` has no trailing slash."""

    public_url: str
    secret: str

    def status(self, job_id: str) -> str:
        """Where the job is followed."""
        return f"{self.public_url}/jobs/{job_id}"

    def file(self, job_id: str, name: str) -> str:
        """Where a result is fetched; works as long as the result lives."""
        return f"{self.public_url}/jobs/{job_id}/files/{quote(name)}"

    def delete(self, job_id: str) -> str:
        """Where its owner deletes the job: a page for a browser, and it takes DELETE."""
        return f"{self.public_url}/jobs/{job_id}/delete?token={delete_token(self.secret, job_id)}"
