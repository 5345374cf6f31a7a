"""A filter that removes secret links and addresses from every log line of this process, also from those of libraries.

This project's own lines hold the first eight characters of a job's id and no more of it. Libraries do not know this
rule: their errors quote whole URLs, and such a URL gives access. So each record is cleaned when it is made.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

# The name of an object may follow an escaped slash.
_START = r"(?:(?<=%2F)|(?<=%2f)|(?<![\w-]))"
# A character before an address's @. A match begins at the first of a run: one from each would take quadratic time.
_LOCAL = r"[\w.!#$%*+^`{|}~-]"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Signed links: the whole query is removed, the names of its parameters too.
    (re.compile(r"\?[^\s'\"<>?]*X-Goog-[^\s'\"<>]*", re.IGNORECASE), "?(signature)"),
    (re.compile(r"\bX-Goog-Signature(=|%3D)[^&\s'\"<>]+", re.IGNORECASE), "(signature)"),
    (re.compile(r"\b((?:access_)?token|upload_id)(=|%3D)[^&\s'\"<>]+", re.IGNORECASE), r"\1\2(secret)"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\"]+", re.IGNORECASE), r"\1 (secret)"),
    (re.compile(r"\bSG\.[\w.-]+"), "(key)"),
    (re.compile(rf"(?<!{_LOCAL}){_LOCAL}+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "(address)"),
    # Job ids: 22 characters with a capital or a digit. Of a program's words, one network's key is like that.
    (
        re.compile(rf"{_START}(?!efficientnet_)(?=[\w-]*[A-Z0-9])([A-Za-z0-9_-]{{8}})[A-Za-z0-9_-]{{14}}(?![\w-])"),
        r"\1...",
    ),
    # Delete tokens (43), refusal tokens (64), pseudonyms (64), signatures.
    (re.compile(rf"{_START}([A-Za-z0-9_-]{{4}})[A-Za-z0-9_-]{{39,}}(?![\w-])"), r"\1..."),
)


def cleaned(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return the text without these secrets, and without anything like a signature, a token, an id or an address."""
    for secret in secrets:
        text = text.replace(secret, "(secret)")
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def keep_out(*secrets: str) -> None:
    """Clean every log record of this process from now on, and remove these texts from it.

    Each program calls this at its start. It sets a record factory, not a formatter, as servers add their own handlers.
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
        except (TypeError, ValueError):  # a call with wrong arguments: the text is logged without them
            text = str(record.msg)
        record.msg, record.args = cleaned(text, self._secrets), None
        if record.exc_info:
            # Formatters use this text and do not write the traceback again.
            record.exc_text = cleaned(logging.Formatter().formatException(record.exc_info), self._secrets)
        return record
