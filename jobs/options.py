"""The options of a job and their checks. The command line's flags have the same names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from jobs.errors import UserError
from jobs.flat import Flat
from jobs.limits import Limits
from jobs.tasks import TASKS

CANDIDATES = (
    "vgg16",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "inception_v3",
    "inception_resnet_v2",
    "xception",
    "resnet50_v2",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
)
OBJECTIVES = ("accuracy", "balanced", "small")
SEARCHES = ("bayesian", "genetic", "random", "none")
DESIGNERS = ("none", "controller", "q_learning", "evolution", "surrogate", "bayesian", "random")
EXPORTS = ("h5", "keras", "savedmodel", "tflite", "tflite_float16", "tflite_int8", "onnx", "service")
CLASS_LEVELS = ("inner", "outer")
# Options that the version before does not know.
NEW = ("task", "classes", "goal", "base", "keep_photos", "add", "start_mail", "design", "designs", "architecture")
PHOTOS_A_MINUTE = 400  # photos that add one minute to the least time
DESIGN_MINUTES = 60  # least time that is proposed to design a network in: with a few minutes hardly one is tried
SEED_MAX = 2**31 - 1
DESIGNS_LEAST, DESIGNS_MOST = 4, 1000  # networks
ARCHITECTURE_MOST = 20_000  # characters


@dataclass(frozen=True)
class Options(Flat):
    """The options of a job. The defaults hold for a POST without options, and for older records that lack some."""

    minutes: int = 60  # time from claim to outcome
    objective: str = "accuracy"
    candidates: tuple[str, ...] = ()  # keys of networks; empty = all that have weights and fit the budget
    # Algorithm of the tuning after its first trial; the default was the best in docs/figures.md.
    search: str = "bayesian"
    epochs: int = 40  # most epochs for heads and trials; the best epoch is kept
    trials: int | None = None  # None = until the budget ends, or until no trial is better for some time
    exports: tuple[str, ...] = EXPORTS  # h5 is always made; a service is made from tflite
    mirror: bool = True  # true: photos may be flipped left to right in training
    from_scratch: bool = False  # true: small networks without pretrained weights are candidates too
    seed: int = 0
    task: str = ""  # a name in jobs/tasks.py; empty = recognised by the files in the zip
    classes: str = ""  # the level of folders that names the classes, in CLASS_LEVELS; empty = found by their names
    goal: float | None = None  # validation score, 0..1, at which learning stops; None = none
    # The earlier jobs, of which one's model this job continues from: in a request their links or "<id>:<token>", in a
    # record their ids, in a report the first 8 characters of those; empty = none.
    base: tuple[str, ...] = ()
    keep_photos: bool = False  # true: the photos are kept as long as the model, so that a later job can add some
    add: bool = False  # true: learn from the photos that the earlier job has kept, too
    start_mail: bool = False  # true: a mail tells when the training starts
    design: str | None = None  # who designs a network for these photos, in DESIGNERS; None = nobody
    designs: int | None = None  # networks to try at most; None = as many as the time allows
    architecture: str | None = None  # a network of the user's own as text, to be trained beside the others; None = none

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a record, a report or a POST.

        An option that is new is left out where it is empty or off: a service of the version before refuses it. One
        earlier job stands alone, without a list, as that version writes and reads it.
        """
        plain = super().to_json()
        plain["base"] = self.base[0] if len(self.base) == 1 else plain["base"]
        return {name: value for name, value in plain.items() if value or name not in NEW}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the options of any version, in which one earlier job stands alone."""
        base = data.get("base") or ()
        return super().from_json({**data, "base": (base,) if isinstance(base, str) else tuple(base)})

    @property
    def small_networks(self) -> bool:
        """Whether the fixed small networks are trained: a designed network is compared with them."""
        return self.from_scratch or bool(self.design)


def minutes_for(photos: int, limits: Limits, design: bool = False) -> int:
    """Return the minutes, where a client knows the photos: the minimum, and more for many.

    `design`: whether a network is designed, too, which takes longer.
    """
    least = max(limits.minutes_min, DESIGN_MINUTES) if design else limits.minutes_min
    return min(least + photos // PHOTOS_A_MINUTE, limits.minutes_max)


def parse_options(given: Mapping[str, object], limits: Limits) -> Options:
    """Check the options of a request. Strings are accepted for every value, as forms and queries send them.

    Raises UserError `bad_option`, which names the option and its valid values.
    """
    options = replace(Options(), minutes=limits.minutes_default)
    for name, value in given.items():
        parser = _PARSERS.get(name)
        if parser is None:
            raise UserError("bad_option", f"There is no option {_shown(name)}. The options are {_listed(_PARSERS)}.")
        options = replace(options, **{name: parser(name, value, limits)})
    if options.add and not options.base:
        raise UserError("bad_option", "add needs base: the continue link of the job whose photos these are added to.")
    if options.add and len(options.base) > 1:
        raise UserError("bad_option", "add goes with one base: the photos of that one are added to.")
    if options.designs and not options.design:
        raise UserError("bad_option", "designs needs design: who designs the networks, such as design=controller.")
    _check_task_takes(options)
    return options


def not_taken(options: Options, task: str) -> list[str]:
    """Return the names of the options that are set, and that a task does not take."""
    return [name for name in TASKS[task].without if getattr(options, name, None) != getattr(Options(), name, None)]


def without_effect(options: Options, task: str) -> str:
    """Return a sentence about the options that are set, and that a task does not take; empty: there are none."""
    names = ", ".join(f'"{name}"' for name in not_taken(options, task))
    return f"{names} had no effect: the task {task}, {TASKS[task].title}, does without." if names else ""


def _check_task_takes(options: Options) -> None:
    """Check that the task that was asked for takes the options. Raises UserError `bad_option`."""
    for name in not_taken(options, options.task) if options.task else ():
        raise UserError("bad_option", f"{name} does not go with the task {options.task}; leave it out.")


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= 40 else text[:40] + "...")


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)


def _whole(low: Callable[[Limits], int], high: Callable[[Limits], int]) -> Callable[[str, object, Limits], int]:
    def parse(name: str, value: object, limits: Limits) -> int:
        least, most = low(limits), high(limits)
        text = str(value).strip()
        # isdecimal() alone accepts digits of other alphabets; int() of a huge text is slow.
        whole = text.isascii() and text.isdecimal() and len(text) <= 12
        if not whole or not least <= int(text) <= most:
            raise UserError("bad_option", f"{name} is a whole number from {least} to {most}, not {_shown(value)}.")
        return int(text)

    return parse


def _one_of(choices: tuple[str, ...]) -> Callable[[str, object, Limits], str]:
    def parse(name: str, value: object, limits: Limits) -> str:
        if value not in choices:
            raise UserError("bad_option", f"{name} is one of {_listed(choices)}, not {_shown(value)}.")
        return str(value)

    return parse


def _some_of(choices: tuple[str, ...]) -> Callable[[str, object, Limits], tuple[str, ...]]:
    def parse(name: str, value: object, limits: Limits) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not parts:
            raise UserError("bad_option", f"{name} is a list of {_listed(choices)}.")
        names = [part.strip() if isinstance(part, str) else part for part in parts]
        for part in names:
            if part not in choices:
                raise UserError("bad_option", f"{name} holds {_shown(part)}; it may hold {_listed(choices)}.")
        return tuple(dict.fromkeys(names))

    return parse


def _exports(name: str, value: object, limits: Limits) -> tuple[str, ...]:
    chosen = _some_of(EXPORTS)(name, value, limits)
    needed = ("h5", "tflite") if "service" in chosen else ("h5",)
    return tuple(dict.fromkeys((*needed, *chosen)))


def _one_or_none_of(choices: tuple[str, ...]) -> Callable[[str, object, Limits], str]:
    parse = _one_of(choices)
    return lambda name, value, limits: "" if value == "" else parse(name, value, limits)


def _task(name: str, value: object, limits: Limits) -> str:
    return _one_or_none_of(tuple(TASKS))(name, value, limits)


def _trials(name: str, value: object, limits: Limits) -> int | None:
    if value is None or value == "none":
        return None
    return _whole(lambda _: 0, lambda _: 1000)(name, value, limits)


def _goal(name: str, value: object, limits: Limits) -> float | None:
    if value is None or value in ("", "none"):
        return None
    text = str(value).strip()
    if not re.fullmatch(r"(0?\.[0-9]{1,17}|1(\.0{1,17})?)", text) or not float(text):
        raise UserError("bad_option", f"{name} is a number above 0 and at most 1, such as 0.95, not {_shown(value)}.")
    return float(text)


def _base(name: str, value: object, limits: Limits) -> tuple[str, ...]:
    """Return the texts as they are: only the service can tell whether their tokens are valid. No error repeats them."""
    lines = value.splitlines() if isinstance(value, str) else () if value is None else value
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise UserError("bad_option", f"{name} is the continue link of an earlier job, or a list of such links.")
    links = tuple(dict.fromkeys(filter(None, (line.strip() for line in lines))))
    if len(links) > limits.bases_max:
        raise UserError("bad_option", f"{name} has at most {limits.bases_max} links, not {len(links)}.")
    return links


def _design(name: str, value: object, limits: Limits) -> str | None:
    return None if value in ("", "none") else _one_of(DESIGNERS)(name, value, limits)


def _designs(name: str, value: object, limits: Limits) -> int | None:
    if value is None or value == "none":
        return None
    return _whole(lambda _: DESIGNS_LEAST, lambda _: DESIGNS_MOST)(name, value, limits)


def _architecture(name: str, value: object, limits: Limits) -> str | None:
    """Take the text of a network; the worker, which knows the grammar, reads it."""
    if isinstance(value, dict) and "op" in value:
        raise UserError("bad_option", f"{name} with op is sent as one text: of equal keys in JSON, only one arrives.")
    text = value.strip() if isinstance(value, str) else json.dumps(value) if isinstance(value, list | dict) else ""
    if not text and value in ("", None):
        return None
    if len(text) > ARCHITECTURE_MOST:
        raise UserError("bad_option", f"{name} has at most {ARCHITECTURE_MOST:,} characters, not {len(text):,}.")
    if not _is_list_or_object(text):
        example = 'a list of layers in JSON, such as ["CONV:3X3:1X1:SAME", "SOFTMAX"]'
        raise UserError("bad_option", f"{name} is {example}, not {_shown(value)}.")
    return text


def _is_list_or_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text.removeprefix("\ufeff"), strict=False), list | dict)
    except (ValueError, RecursionError):
        return False


def _truth(name: str, value: object, limits: Limits) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise UserError("bad_option", f"{name} is true or false, not {_shown(value)}.")
    return text == "true"


_PARSERS: dict[str, Callable[[str, object, Limits], Any]] = {
    "minutes": _whole(lambda limits: limits.minutes_min, lambda limits: limits.minutes_max),
    "objective": _one_of(OBJECTIVES),
    "candidates": _some_of(CANDIDATES),
    "search": _one_of(SEARCHES),
    "epochs": _whole(lambda _: 1, lambda limits: limits.epochs_max),
    "trials": _trials,
    "exports": _exports,
    "mirror": _truth,
    "from_scratch": _truth,
    "seed": _whole(lambda _: 0, lambda _: SEED_MAX),
    "task": _task,
    "classes": _one_or_none_of(CLASS_LEVELS),
    "goal": _goal,
    "design": _design,
    "designs": _designs,
    "architecture": _architecture,
    "base": _base,
    "keep_photos": _truth,
    "add": _truth,
    "start_mail": _truth,
}
