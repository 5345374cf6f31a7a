"""A limit of uses a day, without a database: each use is an object that only one caller can create.

`limits/<yyyymmdd>/<key>/<n>` is created with `if_generation=0`, so that callers at the same time can never take more
slots than there are. The key is a pseudonym, never an address. The bucket's lifecycle deletes old days.
"""

from __future__ import annotations

from datetime import date

from jobs.storage.store import PreconditionFailed, Store


def take(store: Store, day: date, key: str, most: int) -> str:
    """Take one of the day's `most` slots of this key; return its name, empty when none is free. Raises Transient.

    A slot stays taken when its answer was lost. A caller may therefore get fewer slots than `most`, but never more.
    """
    prefix = f"limits/{day:%Y%m%d}/{key}/"
    taken = {stat.name for stat in store.list(prefix)}
    free = (name for name in (f"{prefix}{slot}" for slot in range(1, most + 1)) if name not in taken)
    return next((name for name in free if _created(store, name)), "")


def give_back(store: Store, slot: str) -> None:
    """Free a slot, by the name that `take` returned. Raises Transient."""
    store.delete(slot)


def _created(store: Store, name: str) -> bool:
    try:
        store.put(name, b"", if_generation=0)
    except PreconditionFailed:
        return False
    return True
