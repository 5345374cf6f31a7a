"""The addresses of a job's pages, made from the installation's public URL and never from the Host header."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from jobs.tokens import continue_link, delete_token


@dataclass(frozen=True)
class JobAddresses:
    """A maker of absolute addresses. `public_url` has no slash at its end."""

    public_url: str
    secret: str

    def status(self, job_id: str) -> str:
        """Return the address of the page that shows the job's status."""
        return f"{self.public_url}/jobs/{job_id}"

    def file(self, job_id: str, name: str) -> str:
        """Return the address of a result, which works as long as the result is kept."""
        return f"{self.public_url}/jobs/{job_id}/files/{quote(name)}"

    def delete(self, job_id: str) -> str:
        """Return the address of the page where the job's owner deletes it. A program may send DELETE to it."""
        return f"{self.public_url}/jobs/{job_id}/delete?token={delete_token(self.secret, job_id)}"

    def continuing(self, job_id: str) -> str:
        """Return the link by which a later job continues from this job's model."""
        return continue_link(self.public_url, self.secret, job_id)
