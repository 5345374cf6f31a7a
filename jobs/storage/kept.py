"""The objects by which later jobs can continue from a model. A manifest names them, and no record does."""

from __future__ import annotations

import json

from jobs.storage.store import Store

BROKEN = (AttributeError, KeyError, TypeError, ValueError)  # errors of reading data that is no manifest


def manifest_name(job_id: str) -> str:
    """Return the name of the manifest in the models bucket."""
    return f"{job_id}/base.json"


def for_later(models: Store, job_id: str) -> frozenset[str]:
    """Return the names of the objects to keep for later jobs, the manifest's own included. Raises Transient."""
    name = manifest_name(job_id)
    blob = models.get(name)
    try:
        files = json.loads(blob.data)["files"].values() if blob else ()
        return frozenset({name, *(str(file["object"]) for file in files)})
    except BROKEN:
        return frozenset()
