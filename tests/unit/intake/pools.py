"""The decoding processes that tests share: to start one takes longer than to decode the photos of a test."""

from __future__ import annotations

from functools import cache

from vm_worker.intake.pool import Decoders


@cache
def shared() -> Decoders:
    """One pool for the whole run; the fixture `decoders` ends it, or else the end of the run."""
    return Decoders(processes=1)
