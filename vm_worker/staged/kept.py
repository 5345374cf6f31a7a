"""What an experiment keeps in its folder, so that it goes on after it was ended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from cattrs import BaseValidationError

from jobs.json_values import Json, JsonObject
from vm_worker.learn.atomic_files import replacing
from vm_worker.staged.fields import PlanError
from vm_worker.staged.plan import Plan
from vm_worker.staged.results import Training

PLAN = "plan.json"


class Kept:
    """The folder of an experiment. Each file appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trainings, self._weights = folder / "trainings", folder / "weights"

    def claim(self, plan: Plan, digests: Sequence[str]) -> None:
        """Write which plan the folder is for. Raises PlanError where it is for another one.

        More repeats, another title and the places of the photos make no other plan; `digests` are those of the photos.
        """
        for folder in (self.folder, self._trainings, self._weights):
            folder.mkdir(parents=True, exist_ok=True)
        wanted, path = _facts(plan, digests), self.folder / PLAN
        if path.exists():
            changed = _difference(_read(path), wanted)
            if changed:
                raise PlanError(
                    f"{self.folder} holds results of another plan: {changed}. "
                    "Name another folder with --out, or remove this one."
                )
            return
        with replacing(path) as part:
            part.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")

    def row(self, name: str) -> Training | None:
        """Return what a training came to, or None where it has not ended."""
        path = self._trainings / f"{name}.json"
        try:
            return Training.from_json(_read(path)) if path.exists() else None
        except BaseValidationError as error:
            raise _damaged(path) from error

    def scratch(self, name: str) -> Path:
        """Return the folder of a training that has not ended."""
        return self.folder / "running" / name

    def keep(self, name: str, row: Training) -> None:
        """Write what a training came to, and remove its folder."""
        with replacing(self._trainings / f"{name}.json") as part:
            part.write_text(json.dumps(row.to_json()) + "\n", encoding="utf-8")
        shutil.rmtree(self.scratch(name), ignore_errors=True)

    def weights(self, repeat: int, stage: int) -> Path:
        """Return the place of the weights that a stage ends with."""
        return self._weights / f"{repeat:03}-{stage}.npz"

    def forget_weights(self, repeat: int) -> None:
        """Remove the weights of a repeat that is whole."""
        for path in self._weights.glob(f"{repeat:03}-*.npz"):
            path.unlink()


def _facts(plan: Plan, digests: Sequence[str]) -> dict[str, Json]:
    """Return all that the trainings of one repeat depend on, by the names that a user reads."""
    facts: dict[str, Json] = {"network": plan.network, "size": plan.size, "seed": plan.seed, "scratch": plan.scratch}
    facts |= {f"training, {key}": value for key, value in plan.training.to_json().items()}
    for number, (stage, digest) in enumerate(zip(plan.stages, digests, strict=True), start=1):
        told = stage.to_json() | {"dataset": digest}
        facts |= {f"stage {number}, {key}": value for key, value in told.items() if key != "name"}
    return facts


def _difference(before: JsonObject, now: JsonObject) -> str:
    for key in [*before, *now]:
        if before.get(key) != now.get(key):
            if key.endswith("dataset"):
                return f"{key} had other photos"
            return f"{key} was {_shown(before.get(key))} and is {_shown(now.get(key))}"
    return ""


def _shown(value: object) -> str:
    return "not there" if value is None else json.dumps(value)


def _read(path: Path) -> JsonObject:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _damaged(path: Path) -> PlanError:
    return PlanError(f"{path} is damaged. Remove it; what it held is done again.")
