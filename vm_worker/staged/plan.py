"""The plan of a staged transfer: which data sets one network learns in turn, and what stays frozen."""

from __future__ import annotations

import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs import wording
from vm_worker.as_json import AsJson
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.staged.alexnet_48 import KEY, SIZE
from vm_worker.staged.fields import UNSET, Fields, PlanError, meant

NETWORKS = (KEY, *CATALOGUE)
REPEATS, STAGES = 100, 20  # at most
EPOCHS = 10_000  # at most
DEFAULT_EPOCHS = 100  # at most, where a stage gives neither epochs nor minutes; the stopping rule ends it earlier
MINUTES = 10_080.0  # at most: a week
SIDES = (32, 512)  # pixels of a picture's side
PLAN_BYTES = 1_000_000  # at most; a plan is a page of text
NAME_SHOWN = 80  # characters of a heading; a stranger's plan may hold any, which a terminal must not obey
ALL = "all"  # everything below the head is frozen


@dataclass(frozen=True)
class Training(AsJson):
    """The optimiser, the batch and the stopping rule: the same in every stage, and from scratch."""

    batch: int = 32
    rate: float = 0.001  # of Adam
    patience: int = 5  # epochs without a lower cross-entropy on the validation photos, after which a training ends


@dataclass(frozen=True)
class Stage(AsJson):
    """One data set that the network learns."""

    name: str
    dataset: Path  # a zip or folder of class folders
    epochs: int  # at most
    minutes: float | None  # at most; None: no limit
    frozen: tuple[str | int, ...]  # layers, by name or by number from 1
    frozen_to: str | int | None  # the layer up to which all are frozen; "all": everything below the head
    new_head: bool  # whether the last layer is a new one

    @property
    def freezes(self) -> bool:
        """Return whether any layer stays as it was."""
        return bool(self.frozen) or self.frozen_to is not None


@dataclass(frozen=True)
class Plan(AsJson):
    """All stages, and how often they are repeated."""

    title: str
    network: str
    size: int  # pixels a side
    seed: int
    repeats: int
    scratch: bool  # whether the last data set is learnt from random weights, too
    training: Training
    stages: tuple[Stage, ...]


def read(path: Path) -> Plan:
    """Read a plan; its paths are relative to the plan's own folder. Raises PlanError.

    Whether the layers exist is not known here: `vm_worker.learn.staged.network` knows them.
    """
    top = Fields(path, "", _toml(path))
    tables = _tables(top)
    shared = top.text("network", "")
    rows = [Fields(path, f"stage {number}", table) for number, table in enumerate(tables, start=1)]
    network = _network(rows, top, shared)
    plan = Plan(
        title=wording.name(top.text("title", path.stem), NAME_SHOWN),
        network=network,
        size=_size(top, network),
        seed=top.whole("seed", (0, 2**31 - 1), 0),
        repeats=top.whole("repeats", (1, REPEATS), 1),
        scratch=top.flag("scratch", True),
        training=_training(top, path),
        stages=tuple(_stage(row, number, path.parent) for number, row in enumerate(rows, start=1)),
    )
    top.end()
    _first(rows[0], plan)
    return plan


def _toml(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(PLAN_BYTES + 1)
        if len(content) > PLAN_BYTES:
            raise PlanError(f"{path} is larger than {PLAN_BYTES // 1_000_000} MB, which no plan is. Give a TOML file.")
        return tomllib.loads(content.decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise PlanError(f"There is no {path}. Give the path of a plan, such as staged-fruit.toml.") from error
    except IsADirectoryError as error:
        raise PlanError(f"{path} is a folder. Give the path of a plan, such as staged-fruit.toml.") from error
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path} is no text in UTF-8. Give a TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path} is no valid TOML: {error}. Mend that line; docs/staged.md shows a plan.") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path} is no plan: a number in it is too long, or it is nested too deeply.") from error


def _tables(top: Fields) -> list[dict[str, object]]:
    found = top.value("stages", UNSET)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise top.error("stages", "write each stage as a table of its own, under the line [[stages]].")
    if not 1 <= len(found) <= STAGES:
        raise top.error("stages", f"there are {len(found)}. Write 1 to {STAGES} of them.")
    return found


def _network(rows: list[Fields], top: Fields, shared: str) -> str:
    """Return the one network of all stages: a stage that names none goes on with the one before it."""
    network = shared
    if shared:
        _known(top, shared)
    for number, row in enumerate(rows, start=1):
        given = row.text("network", network)
        if not given:
            raise row.error("network", f"it is missing. Write one of: {', '.join(NETWORKS)}.")
        _known(row, given)
        if network and given != network:
            before = f"stage {number - 1}" if number > 1 else "the plan"
            raise row.error(
                "network",
                f"{given} cannot follow {network} of {before}: their weights do not fit each other. "
                "Give all stages one network.",
            )
        network = given
    return network


def _known(fields: Fields, network: str) -> None:
    if network not in NETWORKS:
        raise fields.error("network", f"there is no network {wording.name(network)}.{meant(network, NETWORKS)}")


def _size(top: Fields, network: str) -> int:
    own = SIZE if network == KEY else CATALOGUE[network].size
    size = top.whole("size", SIDES, own)
    if network == KEY and size != SIZE:
        raise top.error("size", f"{KEY} is made for {SIZE} pixels. Leave the key out.")
    return size


def _training(top: Fields, path: Path) -> Training:
    table = top.value("training", {})
    if not isinstance(table, dict):
        raise top.error("training", "write it as a table, under the line [training].")
    fields, usual = Fields(path, "training", table), Training()
    training = Training(
        batch=fields.whole("batch", (1, 1024), usual.batch),
        rate=fields.number("rate", 1.0, usual.rate),
        patience=fields.whole("patience", (1, EPOCHS), usual.patience),
    )
    fields.end()
    return training


def _stage(fields: Fields, number: int, folder: Path) -> Stage:
    dataset = _dataset(fields, folder)
    if fields.has("epochs") and fields.has("minutes"):
        raise fields.error("minutes", "epochs are given, too. Give one of the two.")
    timed = fields.has("minutes")
    frozen, frozen_to = _frozen(fields)
    stage = Stage(
        name=wording.name(fields.text("name", dataset.stem), NAME_SHOWN),
        dataset=dataset,
        epochs=fields.whole("epochs", (1, EPOCHS), EPOCHS if timed else DEFAULT_EPOCHS),
        minutes=fields.number("minutes", MINUTES, 1.0) if timed else None,
        frozen=frozen,
        frozen_to=frozen_to,
        new_head=fields.flag("new_head", True),
    )
    fields.value("minutes", None)
    fields.end()
    return stage


def _dataset(fields: Fields, folder: Path) -> Path:
    dataset = folder / fields.text("dataset")
    try:
        kind = dataset.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # no name holds a character 0
        reason = f"there is no {dataset}. Give a zip or folder, relative to the plan's own folder."
        raise fields.error("dataset", reason) from error
    except OSError as error:
        raise fields.error("dataset", f"{dataset} cannot be read: {error.strerror}.") from error
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise fields.error("dataset", f"{dataset} is neither a file nor a folder. Give a zip or folder.")
    return dataset


def _frozen(fields: Fields) -> tuple[tuple[str | int, ...], str | int | None]:
    """Return the layers of a list, or the one layer up to which all are frozen."""
    value: Any = fields.value("frozen", [])
    if _names_a_layer(value):
        return (), value
    if isinstance(value, list) and all(map(_names_a_layer, value)):
        return tuple(value), None
    raise fields.error(
        "frozen",
        'write a list of layers by name or number, such as ["conv1", 2]; or one of them, up to which all are frozen; '
        f'or "{ALL}".',
    )


def _names_a_layer(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _first(fields: Fields, plan: Plan) -> None:
    """Refuse what only a later stage can have. Raises PlanError."""
    first = plan.stages[0]
    if not first.new_head:
        raise fields.error("new_head", "the first stage has no earlier head to keep. Leave the key out.")
    if first.freezes and plan.network == KEY:
        raise fields.error(
            "frozen",
            f"{KEY} begins with random weights, so the first stage has nothing learnt to freeze. Leave the key out.",
        )
