"""The addresses of a job's pages, made from the installation's public URL and never from the Host header."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from jobs.tokens import delete_token


@dataclass(frozen=True)
class JobAddresses:
    """Makes absolute addresses; `public_url` has no slash at its end."""

    public_url: str
    secret: str

    def status(self, job_id: str) -> str:
        """Name the page where the job is followed."""
        return f"{self.public_url}/jobs/{job_id}"

    def file(self, job_id: str, name: str) -> str:
        """Name the place where a result is fetched; it works as long as the result lives."""
        return f"{self.public_url}/jobs/{job_id}/files/{quote(name)}"

    def delete(self, job_id: str) -> str:
        """Name the page where its owner deletes the job; a program may send DELETE there."""
        return f"{self.public_url}/jobs/{job_id}/delete?token={delete_token(self.secret, job_id)}"
