"""Which tests are run for a mutant: those that came to its lines in one run without faults, under coverage."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from coverage import CoverageData

from tests.mutants.operators import Mutant

RUN_SECONDS = 900.0  # of a part's tests without faults
MUTANT_SECONDS = 30.0  # of the tests that are chosen for one mutant, as long as they took without faults
MOST = 400  # tests for one mutant
CONFIG = "[run]\nsource = jobs, vm_worker, infra\n"


@dataclass(frozen=True)
class Tests:
    """The tests of a part that pass without faults, each a function with all its parameters."""

    seconds: Mapping[str, float]  # test -> how long it took
    lines: Mapping[str, Mapping[int, frozenset[str]]]  # module -> line -> the tests that came to it; "": an import
    apart: bool  # whether they run the part in a process of its own, whose lines are not seen

    def of(self, mutant: Mutant) -> Sequence[str]:
        """The tests for one mutant, the likeliest and the shortest first. Empty: none comes there."""
        lines = self.lines.get(mutant.path, {})
        came = {test for line in mutant.lines for test in lines.get(line, ())}
        if came == {""}:  # a value of the module or a class: whoever uses the module may use it
            came = {test for tests in lines.values() for test in tests} - {""} or set(self.seconds)
        namesake = f"/test_{Path(mutant.path).stem}.py::"
        fit = came.intersection(self.seconds) or (set(self.seconds) if self.apart else set())
        fit |= {test for test in self.seconds if fit and namesake in test}
        return self._within(sorted(fit, key=lambda test: (namesake not in test, self.seconds[test])))

    def _within(self, tests: Iterable[str]) -> list[str]:
        chosen: list[str] = []
        left = MUTANT_SECONDS
        for test in tests:
            left -= self.seconds[test]
            if chosen and (left < 0 or len(chosen) == MOST):
                break
            chosen.append(test)
        return chosen


def measured(tree: Path, folders: Sequence[str], env: Mapping[str, str], apart: bool) -> Tests:
    """Run the tests of these folders once. Those that fail are printed and left out."""
    (tree / "mutants.coveragerc").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
    command += ["--cov", "--cov-config=mutants.coveragerc", "--cov-context=test", "--cov-report="]
    command += ["-o", "junit_family=xunit1", "--junitxml=ran.xml", *folders]
    subprocess.run(command, cwd=tree, env=env, capture_output=True, timeout=RUN_SECONDS, check=False)
    return Tests(_seconds(tree / "ran.xml"), _lines(tree), apart)


def _seconds(report: Path) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    failed = set()
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - of our own run
        test = f"{case.get('file')}::{_function(case.get('name') or '')}"
        seconds[test] += float(case.get("time") or 0)
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(test)
    for test in sorted(failed):
        print(f"fails without a fault, and is left out: {test}", flush=True)
    return {test: took for test, took in seconds.items() if test not in failed}


def _lines(tree: Path) -> dict[str, dict[int, frozenset[str]]]:
    data = CoverageData(str(tree / ".coverage"))
    data.read()
    return {
        Path(path).relative_to(tree.resolve()).as_posix(): {
            line: frozenset(_function(context.partition("|")[0]) for context in contexts)
            for line, contexts in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }


def _function(test: str) -> str:
    return test.partition("[")[0]
