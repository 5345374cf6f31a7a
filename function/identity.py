"""The identity of a caller: the verified address behind an OIDC token, as Google's scheduler sends with each call."""

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
SKEW_SECONDS = 30  # between the issuer's clock and ours


class Identity(Protocol):
    """A check of callers by their tokens."""

    def caller(self, token: str) -> str | None:
        """Give the caller's verified email address; None for a token that proves nothing. Raises Transient."""
        ...


class GoogleIdentity:
    """A check of tokens that Google signed, for one of these audiences.

    `certs_url` answers with `{key id: certificate in PEM}`, as Google's own address does.
    """

    def __init__(self, certs_url: str, audiences: Sequence[str]) -> None:
        self._certs_url = certs_url
        self._audiences = list(audiences)
        self._certs = _KeptCerts()

    def caller(self, token: str) -> str | None:
        """Give the caller's address. Raises Transient when the certificates cannot be had."""
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
        # What strangers send makes the library raise more than it documents.
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
    """A transport that asks for the certificates only now and then: a flood of false tokens must not become one of
    requests to their issuer."""

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
