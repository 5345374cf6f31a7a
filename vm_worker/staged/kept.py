"""What an experiment keeps in its folder, so that it goes on after it was ended."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from cattrs import BaseValidationError

from jobs import wording
from jobs.json_values import Json, JsonObject
from vm_worker.learn.atomic_files import PART, replacing
from vm_worker.staged.fields import PlanError
from vm_worker.staged.plan import Plan
from vm_worker.staged.results import Training

PLAN = "plan.json"
LOCK = "lock"  # of the program that runs


class Kept:
    """The folder of an experiment. Each file appears whole or not at all, and what has ended outlasts a power cut."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trainings, self._weights = folder / "trainings", folder / "weights"

    def begin(self, plan: Plan) -> None:
        """Take the folder for a plan, before its photos are known. Raises PlanError where it holds anything else."""
        path = self.folder / PLAN
        if path.exists():
            self._same(plan, [None] * len(plan.stages))
            return
        self.refuse_foreign()
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(path, _facts(plan, [None] * len(plan.stages)))

    def refuse_foreign(self) -> None:
        """Raise PlanError where the folder holds files, but no results of any plan."""
        if not self.folder.exists() or (self.folder / PLAN).exists():
            return
        others = sorted(one.name for one in self.folder.iterdir() if one.name != LOCK and not _passing(one.name))
        if others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            raise PlanError(
                f"{self.folder} is no folder of results: it has {wording.name(others[0])}{more}, and no {PLAN}. "
                "Name a new folder with --out."
            )

    def claim(self, plan: Plan, digests: Sequence[str]) -> None:
        """Write which plan the folder is for. Raises PlanError where it is for another one.

        More repeats, another title and the places of the photos make no other plan; `digests` are those of the photos.
        """
        for folder in (self.folder, self._trainings, self._weights):
            folder.mkdir(parents=True, exist_ok=True)
        path, wanted = self.folder / PLAN, _facts(plan, digests)
        if not path.exists() or self._same(plan, digests) != wanted:
            _write(path, wanted)

    def _same(self, plan: Plan, digests: Sequence[str | None]) -> JsonObject:
        """Return what the folder's plan says. Raises PlanError where it is another one; digests may not be known."""
        path = self.folder / PLAN
        try:
            before = _read(path)
        except PlanError as error:
            raise PlanError(
                f"{path} is damaged, so which plan the results are of is not known. "
                "Name another folder with --out, or remove this one."
            ) from error
        changed = _difference(before, _facts(plan, digests))
        if changed:
            raise PlanError(
                f"{self.folder} holds results of another plan: {changed}. "
                "Name another folder with --out, or remove this one."
            )
        return before

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
        with replacing(self._trainings / f"{name}.json", lasting=True) as part:
            part.write_text(json.dumps(row.to_json()) + "\n", encoding="utf-8")
        shutil.rmtree(self.scratch(name), ignore_errors=True)

    def weights(self, repeat: int, stage: int) -> Path:
        """Return the place of the weights that a stage ends with."""
        return self._weights / f"{repeat:03}-{stage}.npz"

    def has_weights(self, repeat: int, stage: int) -> bool:
        """Return whether the weights that a stage ends with are there, whole: a power cut may leave half a file."""
        path = self.weights(repeat, stage)
        try:
            with zipfile.ZipFile(path) as file:
                return file.testzip() is None
        except (OSError, zipfile.BadZipFile):
            return False

    def forget_weights(self, repeat: int) -> None:
        """Remove the weights of a repeat that is whole."""
        for path in self._weights.glob(f"{repeat:03}-*.npz"):
            path.unlink()


def _passing(name: str) -> bool:
    """Return whether a file is hidden, or one that was being written when the command was ended."""
    return name.startswith((".", PART))


def _write(path: Path, facts: dict[str, Json]) -> None:
    with replacing(path, lasting=True) as part:
        part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def _facts(plan: Plan, digests: Sequence[str | None]) -> dict[str, Json]:
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
                if key in before and key in now and None in (before[key], now[key]):
                    continue  # the photos had not been read, or are not yet
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
