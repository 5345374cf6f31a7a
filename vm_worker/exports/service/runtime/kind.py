"""The port between the routes of a service and a kind of model: how its answers are shown, by REST and by SOAP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from xml.etree.ElementTree import Element

from jobs.json_values import JsonObject
from jobs.tasks import TASKS
from vm_worker.exports.service.runtime.bundle import About, Bundle
from vm_worker.exports.service.runtime.pool import Pool


@dataclass(frozen=True)
class Operation:
    """A SOAP operation that takes a photo."""

    schema: str  # the elements of its answer, in XML Schema
    answer: Callable[[Element, Pool, About, Any], None]  # adds a photo's answer to the operation's element


@dataclass(frozen=True)
class Kind:
    """A kind of model that can be served. Each `Any` is what its `Pool.submit` gives for a photo."""

    pool: Callable[[Bundle, int | None], Pool]  # of a bundle, with so many threads; raises ValueError for another model
    shown: Callable[[Pool, About, Any], JsonObject]  # an answer by REST, without the photo's name
    facts: Callable[[Pool, About], JsonObject]  # what is known of the model, beside the title
    operations: Mapping[str, Operation]
    does: str  # a phrase: what the service does
    prediction: JsonObject  # schemas of the keys of `shown`
    known: JsonObject  # schemas of the keys of `facts`
    page: tuple[str, str]  # package and name of the page where a user can try a photo
    types: str = ""  # types in XML Schema that the operations' answers use
    draws: bool = False  # `?annotated=1` gives the photo with the answer drawn on it
    together: Callable[[Pool, Sequence[Any]], JsonObject] | None = None  # the answer for several photos as one
    sums: JsonObject = field(default_factory=dict)  # schemas of the keys of `together`


@dataclass(frozen=True)
class Served:
    """A model that is served."""

    pool: Pool
    about: About
    kind: Kind


def kind_of(task: str) -> Kind:
    """Return the kind of models of a task. Raises KeyError for a task that there is none of."""
    found: Kind = import_module(TASKS[task].service).KIND
    return found
