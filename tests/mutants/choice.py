"""Which tests are run for a mutant: those that came to its lines in one run without faults, under coverage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from coverage import CoverageData

from tests.mutants.operators import Mutant

RUN_SECONDS = 1800.0  # of a part's tests without faults
SHARE = 0.1  # of the time of a part's tests, for the tests of one mutant that is drawn
LEAST_SECONDS = 15.0  # for them where that share is less
HANG_SECONDS = 20.0  # that a mutant's tests may take longer than twice as long as without the fault
MOST = 400  # tests for one mutant
FAILING = 0.1  # share of a part's tests; with more that fail without a fault the part says nothing of its mutants
CONFIG = "[run]\nsource = jobs, vm_worker, infra\n"


@dataclass(frozen=True)
class Tests:
    """The tests of a part that pass without faults."""

    seconds: Mapping[str, float]  # test -> how long it took
    lines: Mapping[str, Mapping[int, frozenset[str]]]  # module -> line -> the tests that came to it; "": an import
    unseen: Sequence[str] = ()  # files of tests that run the part in processes of its own, whose lines are not seen

    def of(self, mutant: Mutant, files: Sequence[str] = (), seconds: float | None = None) -> Sequence[str]:
        """The tests for one mutant, the likeliest first: those of these files, if any. Empty: none comes there.

        They take so many seconds at most; None: a share of the time of all.

        Of the parameters of one test the first comes before the second of any: other tests see more than other
        parameters.
        """
        if files:
            return self._in(files)
        lines = self.lines.get(mutant.path, {})
        came = {test for line in mutant.lines for test in lines.get(line, ())}
        if came == {""}:  # a value of the module or a class: whoever uses the module may use it
            came = {test for tests in lines.values() for test in tests} - {""} or set(self.seconds)
        namesake = f"/test_{Path(mutant.path).stem}.py::"
        fit = came.intersection(self.seconds)
        fit |= {test for test in self.seconds if fit and namesake in test}
        seen: Counter[str] = Counter()
        order = []
        for test in sorted(fit, key=lambda test: self.seconds[test]):
            function = test.partition("[")[0]
            seen[function] += 1
            order.append((namesake not in test, seen[function], self.seconds[test], test))
        if seconds is None:
            seconds = max(LEAST_SECONDS, SHARE * sum(self.seconds.values()))
        return self._within([test for *_, test in sorted(order)], seconds) + self._in(self.unseen)

    def _in(self, files: Sequence[str]) -> list[str]:
        return [test for test in self.seconds if test.startswith(tuple(f"{file}::" for file in files))]

    def _within(self, tests: Iterable[str], left: float) -> list[str]:
        """As many as take so many seconds together."""
        chosen: list[str] = []
        for test in tests:
            left -= self.seconds[test]
            if chosen and (left < 0 or len(chosen) == MOST):
                break
            chosen.append(test)
        return chosen

    def limit(self, tests: Sequence[str]) -> float:
        """Seconds after which these tests hang, on a machine as busy as it was."""
        return HANG_SECONDS + 2 * sum(self.seconds[test] for test in tests)


def measured(
    tree: Path, folders: Sequence[str], env: Mapping[str, str], options: Sequence[str], unseen: Sequence[str]
) -> Tests:
    """Run the tests of these folders once. Those that fail are printed and left out; SystemExit where many do."""
    (tree / "mutants.coveragerc").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
    command += ["--cov", "--cov-config=mutants.coveragerc", "--cov-context=test", "--cov-report="]
    command += ["-o", "junit_family=xunit1", "--junitxml=ran.xml", *options, *folders]
    if ended(command, tree, env, RUN_SECONDS) is None:
        raise SystemExit(f"the tests of {', '.join(folders)} take more than {RUN_SECONDS:g} s without a fault")
    return Tests(_seconds(tree / "ran.xml"), _lines(tree), unseen)


def ended(command: Sequence[str], tree: Path, env: Mapping[str, str], seconds: float) -> int | None:
    """The exit status of a command, None where it takes too long. Nothing that it started lives on."""
    with subprocess.Popen(
        command, cwd=tree, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _seconds(report: Path) -> dict[str, float]:
    seconds, failing = {}, 0
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - of our own run
        test = f"{case.get('file')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failing += 1
            print(f"fails without a fault, and is left out: {test}", flush=True)
        elif case.find("skipped") is None:
            seconds[test] = float(case.get("time") or 0)
    if failing > FAILING * (failing + len(seconds)):
        raise SystemExit(f"{failing} of {failing + len(seconds)} tests fail without a fault")
    return seconds


def _lines(tree: Path) -> dict[str, dict[int, frozenset[str]]]:
    data = CoverageData(str(tree / ".coverage"))
    data.read()
    return {
        Path(path).relative_to(tree.resolve()).as_posix(): {
            line: frozenset(context.rpartition("|")[0] for context in contexts)
            for line, contexts in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }
