"""The result of the report stage, which is the headline."""

from __future__ import annotations

from dataclasses import dataclass

from vm_worker.as_json import AsJson


@dataclass(frozen=True)
class Reported(AsJson):
    """The result of the report stage."""

    headline: str  # a sentence with the main result, which the user can forward
