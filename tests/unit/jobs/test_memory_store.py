"""The bucket in memory looks at a condition and writes under one lock: else two of its users could both succeed."""

from __future__ import annotations

import pytest

from jobs.storage.store import MemoryStore, PreconditionFailed


class _Watched(MemoryStore):
    """Looks whether the lock is held while a condition is checked."""

    def _check(self, name: str, if_generation: int | None) -> None:
        assert self._lock.locked()
        super()._check(name, if_generation)


def test_conditions_are_checked_under_the_lock() -> None:
    store = _Watched()
    generation = store.put("a", b"1", if_generation=0)
    with pytest.raises(PreconditionFailed):
        store.put("a", b"2", if_generation=0)
    with pytest.raises(PreconditionFailed):
        store.delete("a", if_generation=generation + 1)
    assert store.delete("a", if_generation=generation)
    assert not store._lock.locked()
