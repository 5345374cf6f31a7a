"""python -m tests.mutants: draw mutants by a seed, run the tests that import their module, print who survives."""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.operators import Mutant, made, places
from vm_worker.learn.statistics import wilson

ROOT = Path(__file__).parents[2]
PARTS = {  # part -> its modules, and the folders whose tests are its own
    "jobs": (("jobs/**/*.py",), ("tests/unit/jobs", "tests/unit/mail", "tests/contract", "tests/unit/function")),
    "intake": (("vm_worker/intake/**/*.py",), ("tests/unit/intake",)),
    "worker": (("vm_worker/manifests.py", "vm_worker/lease_keeper.py", "vm_worker/job_run.py"), ("tests/unit/worker",)),
    "emulator": (("infra/emulator/store/*.py",), ("tests/emulator", "tests/contract")),
}
BASELINE_SECONDS = 180.0  # for a module's tests as it is
MOST_FILES = 12  # test files for one mutant, the nearest first
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
    parser.add_argument("--seconds", type=float, default=60.0, help="for one mutant; one that hangs is killed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--parts", nargs="*", default=list(PARTS))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    drawn = list(draw(given.parts, given.count, given.seed))
    end = time.monotonic() + 60 * given.minutes
    survivors: dict[str, list[Mutant]] = {part: [] for part in given.parts}
    tried = dict.fromkeys(given.parts, 0)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(given.processes) as pool:
        trees = [_copied(Path(folder) / str(number)) for number in range(given.processes)]

        def run(number: int) -> bool | None:
            if time.monotonic() > end:
                return None
            tree = trees.pop()
            try:
                return survives(tree, *drawn[number], given.seconds)
            finally:
                trees.append(tree)

        for (part, mutant), alive in zip(drawn, pool.map(run, range(len(drawn))), strict=True):
            if alive is not None:
                tried[part] += 1
                survivors[part] += [mutant] if alive else []
                print(f"{'SURVIVES' if alive else 'killed  '} {mutant}", flush=True)
    return tell(tried, survivors)


def draw(parts: list[str], count: int, seed: int) -> Iterator[tuple[str, Mutant]]:
    """So many mutants for each part, none of those that are known to be equivalent."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    for part in parts:
        every = [place for path in _modules(part) for place in places(path, _source(path))]
        chance.shuffle(every)
        drawn = (mutant for place in every if str(mutant := made(place, _source(place.path))) not in EQUIVALENT)
        yield from ((part, mutant) for mutant in islice(drawn, -(-count // len(parts))))


def _modules(part: str) -> list[str]:
    found = (path for pattern in PARTS[part][0] for path in ROOT.glob(pattern))
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.name != "__init__.py")


@cache
def _source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def survives(tree: Path, part: str, mutant: Mutant, seconds: float) -> bool | None:
    """Whether the module's tests pass all the same; None where they do not even pass without the fault."""
    if not _sound(tree, part, mutant.path):
        return None
    path = tree / mutant.path
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.source, encoding="utf-8")
    try:
        return _pass(tree, part, mutant.path, seconds)
    finally:
        path.write_text(whole, encoding="utf-8")


SOUND: dict[str, bool] = {}  # module -> whether its tests pass as it is


def _sound(tree: Path, part: str, path: str) -> bool:
    if path not in SOUND:
        SOUND[path] = _pass(tree, part, path, BASELINE_SECONDS)
        if not SOUND[path]:
            print(f"the tests of {path} do not pass as it is: no verdict", flush=True)
    return SOUND[path]


def _pass(tree: Path, part: str, path: str, seconds: float) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-n", "0", *tests_of(part, path)]
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(command, cwd=tree, env=env, capture_output=True, timeout=seconds).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def tests_of(part: str, path: str) -> list[str]:
    """The test files that import the module, those of its own name first; all of the part's where none does."""
    module = path.removesuffix(".py").replace("/", ".")
    files = [file for folder in PARTS[part][1] for file in sorted((ROOT / folder).rglob("test_*.py"))]
    nearest = sorted((file for file in files if _distance(file, module) < 3), key=lambda file: _distance(file, module))
    return [file.relative_to(ROOT).as_posix() for file in nearest[:MOST_FILES] or files[:MOST_FILES]]


def _distance(file: Path, module: str) -> int:
    stem = module.rpartition(".")[2]
    if file.stem == f"test_{stem}":
        return 0
    if module in _imported(file):
        return 1
    neighbours = {name for name in _imported(file) if name.startswith("tests.")}
    return 2 if any(module in _imported(ROOT / f"{name.replace('.', '/')}.py") for name in neighbours) else 3


@cache
def _imported(file: Path) -> frozenset[str]:
    if not file.exists():
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return frozenset(names)


def _copied(tree: Path) -> Path:
    tree.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    return tree


def tell(tried: dict[str, int], survivors: dict[str, list[Mutant]]) -> int:
    """Print the survivors, and their share with its interval; return the exit status."""
    wrong = False
    for part, count in tried.items():
        alive = len(survivors[part])
        low, high = wilson(alive, count) if count else (0.0, 1.0)
        share = alive / count if count else 0.0
        print(f"\n{part}: {alive} of {count} survive, {share:.1%} (95 % interval {low:.1%} to {high:.1%})")
        for mutant in survivors[part]:
            print(f"  {mutant}")
        wrong = wrong or (part in ("jobs", "intake") and share >= 0.1)
    print(f"\nof {sum(tried.values())} mutants; {len(EQUIVALENT)} are known to change nothing and are not drawn")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
