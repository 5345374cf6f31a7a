"""python -m tests.mutants: draw mutants by a seed, run the tests that come to their lines, print which survive."""

from __future__ import annotations

import argparse
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

from tests.mutants.choice import ended, measured
from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.operators import Mutant, made, places
from vm_worker.learn.statistics import wilson

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Part:
    """Some modules, and the folders of their tests."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    apart: bool = False  # whether the tests run the modules in a process of its own


PARTS = {
    "jobs": Part(
        ("jobs/**/*.py",),
        ("tests/unit/jobs", "tests/unit/mail", "tests/contract", "tests/unit/function", "tests/unit/test_docs.py"),
    ),
    "intake": Part(("vm_worker/intake/**/*.py",), ("tests/unit/intake",)),
    "worker": Part(
        ("vm_worker/manifests.py", "vm_worker/lease_keeper.py", "vm_worker/job_run.py"), ("tests/unit/worker",)
    ),
    "emulator": Part(("infra/emulator/store/*.py",), ("tests/emulator", "tests/contract"), apart=True),
}
COPIED = (
    "function", "infra", "jobs", "templates", "tests", "vm_worker", "docs",
    "CHANGELOG.md", "Makefile", "README.md", "SECURITY.md", "constraints.txt", "pyproject.toml",
)  # fmt: skip


def main() -> int:
    """Return 1 when 10 percent or more survive in jobs or intake."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--count", type=int, default=160, help="mutants")
    parser.add_argument("--minutes", type=float, default=20.0, help="no mutant is begun after so many")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--parts", nargs="*", default=list(PARTS))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    end = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = [_copied(Path(folder) / str(number)) for number in range(given.processes)]
        results = [_run(part, given, trees, end) for part in given.parts]
    return tell(results)


@dataclass(frozen=True)
class Result:
    """What became of a part's mutants."""

    part: str
    tried: int
    survivors: Sequence[Mutant]


def _run(part: str, given: argparse.Namespace, trees: list[Path], end: float) -> Result:
    """Try the part's mutants, until the time is up."""
    tests = measured(trees[0], PARTS[part].tests, _env(trees[0]), PARTS[part].apart)
    drawn = list(draw(trees[0], part, -(-given.count // len(given.parts)), given.seed))
    # Each part has an equal share of the time that is left.
    end = time.monotonic() + (end - time.monotonic()) / (len(given.parts) - given.parts.index(part))

    def run(mutant: Mutant) -> bool | None:
        if time.monotonic() > end:
            return None
        tree = trees.pop()
        try:
            chosen = tests.of(mutant)
            return survives(tree, mutant, chosen, tests.limit(chosen))
        finally:
            trees.append(tree)

    tried, survivors = 0, []
    with ThreadPoolExecutor(len(trees)) as pool:
        for mutant, alive in zip(drawn, pool.map(run, drawn), strict=True):
            if alive is not None:
                tried += 1
                survivors += [mutant] if alive else []
                print(f"{'SURVIVES' if alive else 'killed  '} {mutant}", flush=True)
    return Result(part, tried, survivors)


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


def survives(tree: Path, mutant: Mutant, tests: Sequence[str], seconds: float) -> bool:
    """Whether these tests pass all the same. One that hangs has noticed."""
    path = tree / mutant.path
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n", "0", *tests]
    try:
        return not tests or ended(command, tree, _env(tree), seconds) == 0
    finally:
        path.write_text(whole, encoding="utf-8")


def _env(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def _copied(tree: Path) -> Path:
    tree.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    return tree


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
        wrong = wrong or (result.part in ("jobs", "intake") and share >= 0.1)
    count = sum(result.tried for result in results)
    print(f"\nof {count} mutants; {len(EQUIVALENT)} are known to change nothing and are not drawn")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
