"""python -m tests.mutants: draw mutants by a seed, run the tests that come to their lines, print which survive."""

from __future__ import annotations

import argparse
import compileall
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tests.mutants import by_hand
from tests.mutants.bench import Bench
from tests.mutants.choice import measured
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.operators import Mutant, made, places
from tests.mutants.warm import Warm
from vm_worker.learn.statistics import wilson

ROOT = Path(__file__).parents[2]
HAND_SECONDS = 120.0  # for the tests of one fault by hand: all that come there, but for a few


@dataclass(frozen=True)
class Part:
    """Some modules, and the folders of their tests."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    by_hand: tuple[str, ...]  # how the paths of its faults by hand begin
    options: tuple[str, ...] = ()  # of pytest
    unseen: tuple[str, ...] = ()  # files of tests that run the modules in a process of its own


CONTRACTS = ("tests/contract/test_store.py", "tests/contract/test_links.py", "tests/contract/test_mailer.py")
PARTS = {
    "jobs": Part(
        ("jobs/**/*.py",),
        ("tests/unit/jobs", "tests/unit/mail", "tests/unit/function", "tests/unit/test_docs.py", *CONTRACTS),
        ("jobs/",),
    ),
    "intake": Part(("vm_worker/intake/**/*.py",), ("tests/unit/intake",), ("vm_worker/intake/",)),
    "worker": Part(
        ("vm_worker/manifests.py", "vm_worker/lease_keeper.py", "vm_worker/job_run.py"),
        ("tests/unit/worker", *by_hand.KEPT),
        (
            "vm_worker/manifests.py",
            "vm_worker/lease_keeper.py",
            "vm_worker/job_run.py",
            "vm_worker/worker.py",
            "vm_worker/learn/",
            "vm_worker/staged/",
        ),
    ),
    "emulator": Part(
        ("infra/emulator/store/*.py",),
        ("tests/emulator", "tests/contract"),
        ("infra/emulator/",),
        ("-p", "tests.mutants.threads"),
        by_hand.SYNCED,
    ),
}
COPIED = (
    "function", "infra", "jobs", "templates", "tests", "vm_worker", "docs",
    "CHANGELOG.md", "Makefile", "README.md", "SECURITY.md", "constraints.txt", "pyproject.toml",
)  # fmt: skip


def main() -> int:
    """Return 1 when 10 percent or more survive in jobs or intake, or any fault by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--count", type=int, default=160, help="mutants")
    parser.add_argument("--minutes", type=float, default=19.0, help="no mutant is begun after so many")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--parts", nargs="*", default=list(PARTS))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    end = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = [Path(folder) / str(number) for number in range(given.processes)]
        copy(ROOT, trees[0])
        # Compiled once: for each mutant all but one module is as it was.
        compileall.compile_dir(trees[0], quiet=2, workers=0)
        for tree in trees[1:]:
            copy(trees[0], tree)
        results = [_run(part, given, trees, end) for part in given.parts]
    return tell(results)


@dataclass(frozen=True)
class Result:
    """What became of a part's mutants."""

    part: str
    tried: int
    survivors: Sequence[Mutant]
    by_hand: int  # faults that were tried
    unseen: Sequence[Mutant]  # of those


def _run(part: str, given: argparse.Namespace, trees: list[Path], end: float) -> Result:
    """Try the part's faults by hand, then its mutants until the time is up."""
    what = PARTS[part]
    tests = measured(trees[0], what.tests, _env(trees[0]), what.options, what.unseen)
    warm = [Warm(tree, _env(tree), what.options, what.tests) for tree in trees]
    benches = [Bench(tree, process, tests) for tree, process in zip(trees, warm, strict=True)]
    # Each part has an equal share of the time that is left.
    end = time.monotonic() + (end - time.monotonic()) / (len(given.parts) - given.parts.index(part))
    faults = [(mutant, fault.tests) for fault, mutant in by_hand.mutants(trees[0], what.by_hand)]
    hand = _tried(faults, benches, end, HAND_SECONDS)
    drawn = draw(trees[0], part, -(-given.count // len(given.parts)), given.seed)
    seen = _tried([(mutant, ()) for mutant in drawn], benches, end)
    for process in warm:
        process.close()
    alive, unseen = ([mutant for mutant, lives in found if lives] for found in (seen, hand))
    return Result(part, len(seen), alive, len(hand), unseen)


def _tried(
    mutants: Sequence[tuple[Mutant, Sequence[str]]], benches: list[Bench], end: float, seconds: float | None = None
) -> Sequence[tuple[Mutant, bool]]:
    """Whether each mutant survives; none is begun after the end. `seconds`: for the tests of one."""

    def run(mutant: Mutant, files: Sequence[str]) -> bool | None:
        if time.monotonic() > end:
            return None
        bench = benches.pop()
        try:
            lives = bench.survives(mutant, files, seconds)
        finally:
            benches.append(bench)
        print(f"{'SURVIVES' if lives else 'killed  '} {mutant}", flush=True)
        return lives

    with ThreadPoolExecutor(len(benches)) as pool:
        found = pool.map(run, *zip(*mutants, strict=True)) if mutants else iter(())
        return [(mutant, lives) for (mutant, _), lives in zip(mutants, found, strict=True) if lives is not None]


def draw(tree: Path, part: str, count: int, seed: int) -> Iterator[Mutant]:
    """So many mutants of a part, none of those that are known to be equivalent."""
    sources = {path: (tree / path).read_text(encoding="utf-8") for path in _modules(tree, part)}
    every = [place for path, source in sources.items() for place in places(path, source)]
    random.Random(f"{seed} {part}").shuffle(every)  # noqa: S311 (no secret)
    mutants = (made(place, sources[place.path]) for place in every)
    return islice((mutant for mutant in mutants if str(mutant) not in EQUIVALENT), count)


def _modules(tree: Path, part: str) -> list[str]:
    found = (path for pattern in PARTS[part].modules for path in tree.glob(pattern))
    return sorted(path.relative_to(tree).as_posix() for path in found if path.name != "__init__.py")


def _env(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def copy(source: Path, tree: Path) -> None:
    """Copy what tests need; files keep their times, by which Python knows what is compiled."""
    tree.mkdir()
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, tree / name)
        else:
            shutil.copy2(source / name, tree / name)


def tell(results: Sequence[Result]) -> int:
    """Print the survivors, and their share with its interval; return the exit status."""
    wrong = False
    for result in results:
        alive, count = len(result.survivors), result.tried
        low, high = wilson(alive, count) if count else (0.0, 1.0)
        share = alive / count if count else 0.0
        print(f"\n{result.part}: {alive} of {count} survive, {share:.1%} (95 % interval {low:.1%} to {high:.1%})")
        for mutant in result.survivors:
            print(f"  {mutant}")
        print(f"{result.part}: {len(result.unseen)} of {result.by_hand} faults by hand survive")
        for mutant in result.unseen:
            print(f"  {mutant}")
        wrong = wrong or bool(result.unseen) or (result.part in ("jobs", "intake") and share >= 0.1)
    count = sum(result.tried for result in results)
    print(f"\nof {count} mutants; {len(EQUIVALENT)} are known to change nothing and are not drawn")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
