"""Lifecycle rules of buckets: `sweep` deletes the objects that are due. It never runs by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.emulator.protocol.errors import ApiError
from infra.emulator.resources.preconditions import Preconditions
from infra.emulator.resources.reading import child, objects_in
from infra.emulator.resources.rows import BucketRow, ObjectRow, Target
from infra.emulator.store.store import Store
from jobs.json_values import JsonObject

_PAGE = 1000  # objects that are read at once


def sweep(store: Store, now: datetime) -> int:
    """Delete all objects that are due at that time; return their number. What was deleted before is purged."""
    deleted = 0
    store.purge()
    for bucket in store.index.buckets():
        rules = deletions(bucket)
        for row in _objects(store, bucket.name) if rules else ():
            if any(rule.is_due(row, now) for rule in rules):
                deleted += _delete(store, row)
    return deleted


@dataclass(frozen=True)
class Deletion:
    """A rule that deletes the objects that meet all its conditions."""

    conditions: JsonObject  # name of a condition -> its value in the owner's rule

    def is_due(self, row: ObjectRow, now: datetime) -> bool:
        """Return whether the rule deletes that object at that time; False if a value cannot be read."""
        try:
            return all(_CONDITIONS[name](row, wanted, now) for name, wanted in self.conditions.items())
        except (TypeError, ValueError, OverflowError):
            return False


def deletions(bucket: BucketRow) -> Sequence[Deletion]:
    """Read the rules of a bucket that delete. A rule with an unknown condition is left out: it deletes nothing."""
    found = []
    for rule in objects_in(child(bucket.config, "lifecycle").get("rule")):
        conditions = child(rule, "condition")
        if child(rule, "action").get("type") == "Delete" and conditions and conditions.keys() <= _CONDITIONS.keys():
            found.append(Deletion(conditions))
    return found


def _aged(row: ObjectRow, days: int, now: datetime) -> bool:
    return now - datetime.fromisoformat(row.created) >= timedelta(days=days)


def _created_before(row: ObjectRow, date: str, now: datetime) -> bool:
    """Tell whether the object was made before midnight UTC of that date."""
    return datetime.fromisoformat(row.created) < datetime.fromisoformat(date).replace(tzinfo=UTC)


_CONDITIONS: Mapping[str, Callable[[ObjectRow, Any, datetime], bool]] = {
    "age": _aged,
    "createdBefore": _created_before,
    "matchesPrefix": lambda row, prefixes, now: row.name.startswith(tuple(prefixes)),
    "matchesSuffix": lambda row, suffixes, now: row.name.endswith(tuple(suffixes)),
    "isLive": lambda row, live, now: bool(live) == row.is_live,
}


def _objects(store: Store, bucket: str) -> Iterator[ObjectRow]:
    """Read all objects of a bucket, live or not."""
    start = ("", 0)
    while rows := store.index.versions_from(bucket, start, _PAGE):
        yield from rows
        start = (rows[-1].name, rows[-1].generation)


def _delete(store: Store, row: ObjectRow) -> bool:
    target = Target(row.bucket, row.name, None if row.is_live else row.generation)
    try:
        store.delete(target, Preconditions(generation=row.generation))
    except ApiError:
        return False  # replaced or deleted meanwhile, or under a hold
    return True
