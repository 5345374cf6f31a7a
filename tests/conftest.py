"""Fixtures that several suites share."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

import vm_worker  # noqa: F401 (its setting counts where TensorFlow is imported later)
from infra.emulator.signatures.keys import ensure_key
from tests.demo import demo as demo  # a fixture; trains where a test asks for it
from tests.ordering import in_order, left_alone, skipped_line, with_children, without_coverage
from tests.servers import ACCOUNT, EmulatorUnderTest, running_emulator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run have another order, which must change no result."""
    parser.addoption("--order", default="", help="reversed, or a number by which the tests are shuffled")


def pytest_configure() -> None:
    """By the usual threshold of 700 objects, collections of garbage take a tenth of all time, of imports more."""
    gc.set_threshold(50_000, 20, 20)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what has no test for this run."""
    path = collection_path.relative_to(config.rootpath) if collection_path.is_relative_to(config.rootpath) else Path()
    return left_alone(path.as_posix(), config.getoption("-m")) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first, or all in the order that is asked for."""
    in_order(items, config.getoption("--order"), lambda item: item.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line that counts the skipped tests by reason."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    terminalreporter.write_line(skipped_line(one[2] for one in skipped if isinstance(one, tuple)))


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard() -> None:
    """A run in the background is born deaf to Ctrl-C, and so would be the programs that the tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


HEAVY = 300  # modules: about what numpy or google-cloud-storage bring; TensorFlow and Keras bring thousands
_frozen_at = {"modules": 0}


@pytest.fixture(autouse=True, scope="module")
def collections_stay_short() -> None:
    """Keep what heavy imports left out of later garbage collections; with TensorFlow each takes a third of a second."""
    if len(sys.modules) > _frozen_at["modules"] + HEAVY:
        gc.collect()
        gc.freeze()
        _frozen_at["modules"] = len(sys.modules)


@pytest.fixture(autouse=True, scope="module")
def coverage_where_it_counts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Measure neither a file whose coverage does not count, with what its fixtures do, nor most files' child processes.

    The mark `no_cover` does neither. A worker of xdist has several collectors, of which it pauses one and wakes the
    next; and after each test coverage is told to children again. Who asks which test comes to which line measures all.
    """
    stopped: list[coverage.Coverage] = []
    by_test = request.config.getoption("cov_context", None) is not None
    with pytest.MonkeyPatch.context() as patch:
        if not with_children(request.node.nodeid):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        unmeasured = without_coverage(request.node.nodeid) and not by_test
        while unmeasured and (current := coverage.Coverage.current()):
            current.stop()
            stopped.append(current)
        yield
        for one in reversed(stopped):
            one.start()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """What a composition root keeps out of the logs is not kept out of the next test's."""
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorUnderTest]:
    """One bucket emulator for the whole run, on a free port; make your own bucket in it."""
    folder = tmp_path_factory.mktemp("emulator")
    with running_emulator(folder / "buckets", ensure_key(folder / "key.json", ACCOUNT)) as running:
        yield running


@pytest.fixture(scope="session")
def tflite() -> bytes:
    """Says "dark" of dark photos and "light" of light ones, at 8 x 8."""
    import keras
    import numpy as np

    from vm_worker.learn.latency import tflite as converting  # one photo at a time, as a job's own

    inputs = keras.Input((8, 8, 3))
    dense = keras.layers.Dense(3, activation="softmax")
    network = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(inputs)))
    dense.set_weights([np.array([[-0.1, 0.1, 0.0]] * 3, np.float32), np.array([38.1, -38.1, -9], np.float32)])
    return converting.float32(network)
