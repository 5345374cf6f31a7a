"""A filter that keeps secret links and addresses out of every log line, whichever program or library writes it.

Our own lines hold a job's first eight characters and nothing else of it. Libraries know nothing of that: their
errors quote whole URLs, and a URL of ours is a key. So each record is cleaned where it is made.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

# The name of an object may stand behind an escaped slash.
_START = r"(?:(?<=%2F)|(?<=%2f)|(?<![\w-]))"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Signed links: the whole query goes, names of its parts too.
    (re.compile(r"\?[^\s'\"<>]*X-Goog-[^\s'\"<>]*", re.IGNORECASE), "?(signature)"),
    (re.compile(r"\bX-Goog-Signature(=|%3D)[^&\s'\"<>]+", re.IGNORECASE), "(signature)"),
    (re.compile(r"\b((?:access_)?token|upload_id)(=|%3D)[^&\s'\"<>]+", re.IGNORECASE), r"\1\2(secret)"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\"]+", re.IGNORECASE), r"\1 (secret)"),
    (re.compile(r"\bSG\.[\w.-]+"), "(key)"),
    (re.compile(r"[\w.!#$%*+^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "(address)"),
    # Job ids: 22 characters, with a capital or a digit, which words of a program seldom have at that length.
    (re.compile(rf"{_START}(?=[\w-]*[A-Z0-9])([A-Za-z0-9_-]{{8}})[A-Za-z0-9_-]{{14}}(?![\w-])"), r"\1..."),
    # Delete tokens (43), refusal tokens (64), pseudonyms (64), signatures.
    (re.compile(rf"{_START}([A-Za-z0-9_-]{{4}})[A-Za-z0-9_-]{{39,}}(?![\w-])"), r"\1..."),
)


def cleaned(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Remove these secrets, and whatever looks like a link's signature, a token, an id or an address."""
    for secret in secrets:
        text = text.replace(secret, "(secret)")
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def keep_out(*secrets: str) -> None:
    """Clean every log record of this process from now on; these texts go wherever they stand.

    Each program calls it where it starts. A record factory, not a formatter: servers bring handlers of their own.
    """
    before = logging.getLogRecordFactory()
    kept = tuple(secret for secret in secrets if secret)
    logging.setLogRecordFactory(_Cleaner(getattr(before, "inner", before), kept))


class _Cleaner:
    def __init__(self, inner: Callable[..., logging.LogRecord], secrets: tuple[str, ...]) -> None:
        self.inner = inner
        self._secrets = secrets

    def __call__(self, *arguments: Any, **more: Any) -> logging.LogRecord:
        record = self.inner(*arguments, **more)
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # a call with wrong arguments: shown without them
            text = str(record.msg)
        record.msg, record.args = cleaned(text, self._secrets), None
        if record.exc_info:
            # Formatters take this text rather than write the traceback again.
            record.exc_text = cleaned(logging.Formatter().formatException(record.exc_info), self._secrets)
        return record
