"""The order of the test files, the files without coverage, and the line on skipped tests that ends `make test`."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

# The processes share the files, a file at a time, or the tests of faults. The longest go first, so that no process is
# left with one at the end.
LONGEST = (
    "tests/faults/test_kill_matrix.py",
    "tests/faults/test_race.py",
    "tests/faults/test_emulator_killed.py",
    "tests/faults/test_poison.py",
    "tests/unit/jobs/test_life_machine.py",
    "tests/faults/test_hostile_uploads.py",
    "tests/integration/test_real_stages.py",
    "tests/browser/test_report_page.py",
    "tests/integration/test_stack.py",
    "tests/unit/exports/test_verify.py",
    "tests/integration/test_telemetry.py",
    "tests/contract/test_task.py",
)

# Coverage takes 1.4 times as long where networks are trained or converted, or thousands of calls are made, and a fifth
# of a second for each program that is started. It is not measured in tests of what no floor holds for (so the report
# leaves vm_worker/learn, vm_worker/exports and infra/emulator out), and in those of whole programs, which start some
# two hundred, but for a whole job. Other tests start two hundred more, of which those of a few files cover
# what runs in no other way.
WITHOUT_COVERAGE = (
    "tests/browser/",
    "tests/cloud/",
    "tests/emulator/",
    "tests/integration/",
    "tests/unit/cli/",
    "tests/unit/designs/",
    "tests/unit/executors/",
    "tests/unit/exports/",
    "tests/unit/learn/",
    "tests/unit/local/",
    "tests/unit/report/",
    "tests/unit/service/",
    "tests/unit/staged/",
)
MEASURED = (
    "tests/integration/test_detection_learning.py",
    "tests/integration/test_detection_stages.py",
    "tests/integration/test_real_stages.py",
)
CHILDREN = ("tests/integration/test_real_stages.py", "tests/unit/intake/test_decoding.py")

FAST = "not slow and not faults"  # as pyproject.toml has it
NEVER_FAST = ("tests/cluster", "tests/faults")  # each of their tests is slow or faults; to import them takes seconds


def left_alone(path: str, marks: str) -> bool:
    """Return whether a folder, named from the root on, has no test for a run of these marks."""
    return marks == FAST and path in NEVER_FAST


def without_coverage(node: str) -> bool:
    """Return whether the coverage of a test is not measured."""
    return node.startswith(WITHOUT_COVERAGE) and not node.startswith(MEASURED)


def with_children(node: str) -> bool:
    """Return whether the coverage of a test's child processes is measured."""
    return node.startswith(CHILDREN)


def rank(node: str) -> int:
    """The place of a test among the files that go first; all others follow in the order in which they were found."""
    file = node.partition("::")[0]
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


def in_order(tests: list[T], order: str, node: Callable[[T], str]) -> None:
    """Put tests into an order: the longest files first; `reversed`; or any other word, by which they are shuffled."""
    if order == "reversed":
        tests.reverse()
    elif order:
        random.Random(order).shuffle(tests)  # noqa: S311 - repeatable
    else:
        tests.sort(key=lambda test: rank(node(test)))


def skipped_line(reasons: Iterable[str]) -> str:
    """How many tests were skipped, and why: "Skipped: 3 (2 no Chromium is installed; 1 Info-ZIP is not installed)".

    What one reason says of several networks ("mobilenet: no weights") is counted as one reason.
    """
    plain = (re.sub(r"^[a-z0-9_]+: ", "", reason.removeprefix("Skipped: ")) for reason in reasons)
    counts = Counter(plain).most_common()
    told = "; ".join(f"{count} {reason}" for reason, count in counts)
    return f"Skipped: {sum(count for _, count in counts)}" + (f" ({told})" if told else "")
