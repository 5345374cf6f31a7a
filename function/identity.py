"""The identity of a caller: the verified address in an OIDC token, which Google's scheduler sends with each call."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import google.auth.exceptions
import google.auth.transport.requests
from google.oauth2 import id_token

from jobs.errors import Transient

ISSUERS = ("accounts.google.com", "https://accounts.google.com")
CERTS_SECONDS = 600.0  # Google announces new keys hours before it uses them
CERTS_TIMEOUT = 10.0  # seconds
SKEW_SECONDS = 30  # allowed difference between the clocks of the issuer and of this machine


class Identity(Protocol):
    """A check of callers by their tokens."""

    def caller(self, token: str) -> str | None:
        """Return the caller's verified email address, or None when the token proves nothing. Raises Transient."""
        ...


class GoogleIdentity:
    """A check of tokens that Google signed, for one of these audiences.

    `certs_url` answers with `{key id: certificate in PEM}`, in the format of Google's own address.
    """

    def __init__(self, certs_url: str, audiences: Sequence[str]) -> None:
        self._certs_url = certs_url
        self._audiences = list(audiences)
        self._certs = _KeptCerts()

    def caller(self, token: str) -> str | None:
        """Return the caller's address. Raises Transient when the certificates cannot be fetched."""
        try:
            claims = id_token.verify_token(
                token,
                self._certs,
                audience=self._audiences,
                certs_url=self._certs_url,
                clock_skew_in_seconds=SKEW_SECONDS,
            )
        except google.auth.exceptions.TransportError as error:
            raise Transient("the certificates of the token's issuer cannot be had") from error
        # For malformed tokens, the library raises more kinds of errors than it documents.
        except (google.auth.exceptions.GoogleAuthError, ValueError, TypeError, KeyError, AttributeError):
            return None
        if claims.get("iss") not in ISSUERS or claims.get("email_verified") is not True:
            return None
        email = claims.get("email")
        return email if isinstance(email, str) else None


@dataclass(frozen=True)
class _Answer:
    status: int
    data: bytes


class _KeptCerts:
    """A transport that fetches the certificates at most once in CERTS_SECONDS.

    Many false tokens therefore do not cause many requests to their issuer.
    """

    def __init__(self) -> None:
        self._transport = google.auth.transport.requests.Request()
        self._lock = threading.Lock()
        self._answer: _Answer | None = None
        self._until = 0.0

    def __call__(self, url: str, method: str = "GET", **how: Any) -> _Answer:
        with self._lock:
            if self._answer is None or time.monotonic() > self._until:
                answer = self._transport(url, method=method, timeout=CERTS_TIMEOUT, **how)
                if answer.status != 200:
                    raise google.auth.exceptions.TransportError(f"the certificates' address answers {answer.status}")
                self._answer = _Answer(answer.status, answer.data)
                self._until = time.monotonic() + CERTS_SECONDS
            return self._answer
