"""One copy of the code with a warm process, in which mutants are tried one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.choice import Tests
from tests.mutants.operators import Mutant
from tests.mutants.warm import Warm

PROOF_SECONDS = 120.0  # for one test without a fault


class Bench:
    """A tree, its process, and the tests that fail there without a fault, which count for nothing."""

    def __init__(self, tree: Path, process: Warm, tests: Tests) -> None:
        self._tree = tree
        self._process = process
        self._tests = tests
        self._sound: set[str] = set()
        self._unsound: set[str] = set()

    def survives(self, mutant: Mutant, files: Sequence[str] = (), seconds: float | None = None) -> bool:
        """Whether the tests for it, as `Tests.of` chooses them, pass all the same.

        One that hangs has noticed. One that fails without the fault too is left out, and the others are run again.
        """
        while True:
            chosen = [test for test in self._tests.of(mutant, files, seconds) if test not in self._unsound]
            if not chosen:
                return True
            with self._holding(mutant):
                end = self._process.run(chosen, self._tests.limit(chosen))
            if end.status in (0, None):
                return end.status == 0
            if not end.failed:  # the module cannot be imported, or the tests cannot be found
                if self._process.run(["--collect-only", *chosen], PROOF_SECONDS).status != 0:
                    raise RuntimeError(f"these tests are not found: {chosen}")
                return False
            if self._passes(end.failed):
                return False
            print(f"fails without a fault, and is left out: {end.failed}", flush=True)
            self._unsound.add(end.failed)

    def _passes(self, test: str) -> bool:
        if test not in self._sound and self._process.run([test], PROOF_SECONDS).status == 0:
            self._sound.add(test)
        return test in self._sound

    @contextmanager
    def _holding(self, mutant: Mutant) -> Iterator[None]:
        """Put the fault into the tree, and take it out again."""
        path = self._tree / mutant.path
        whole, times = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(mutant.source, encoding="utf-8")
        os.utime(path, (0, 0))  # of another time than any compiled form of it
        try:
            yield
        finally:
            path.write_text(whole, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
