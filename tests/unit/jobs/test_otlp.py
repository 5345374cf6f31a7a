"""The metrics that a process sends, in one process: their sums, their buckets, and what the last sending may cost."""

from __future__ import annotations

import atexit
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from jobs.errors import Transient
from jobs.otlp import BOUNDS, Otlp
from jobs.telemetry import JOB_SECONDS, JOBS, METRICS, STAGE_SECONDS, TRIALS, WAITING, opened
from tests.integration.test_telemetry import Receiver

SERVICE = "modelmail-test"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server
        server.shutdown()


def test_the_address_of_a_receiver_is_enough(receiver: Receiver) -> None:
    sender = opened(receiver.url, SERVICE)
    assert isinstance(sender, Otlp)
    sender.count(TRIALS)
    sender.close()
    assert receiver.figures(SERVICE) == {"modelmail.trials": 1}


def test_each_kind_of_metric_arrives(receiver: Receiver) -> None:
    sender = Otlp(receiver.url, SERVICE)
    sender.count(JOBS, event="done")
    sender.count(JOBS, event="done")
    sender.count(TRIALS)
    sender.took(JOB_SECONDS, 90.0, event="done")
    sender.took(STAGE_SECONDS, 3.0, stage="intake")
    sender.observe(WAITING, lambda: 12.5)
    sender.close()
    assert receiver.figures(SERVICE) == {
        "modelmail.jobs done": 2,
        "modelmail.trials": 1,
        "modelmail.job.duration done": 1,
        "modelmail.stage.duration intake": 1,
        "modelmail.waiting.age": 12.5,
    }
    (scope,) = receiver.told[SERVICE].resource_metrics[0].scope_metrics
    told = {row.name: (row.unit, row.told) for row in METRICS}
    assert {metric.name: (metric.unit, metric.description) for metric in scope.metrics}.items() <= told.items()
    durations = [metric for metric in scope.metrics if metric.name == JOB_SECONDS.name]
    assert tuple(durations[0].histogram.data_points[0].explicit_bounds) == BOUNDS
    assert [*durations[0].histogram.data_points[0].bucket_counts].index(1) == BOUNDS.index(120)


def test_the_bounds_go_from_a_second_to_a_day() -> None:
    minute, hour = 60, 3600
    assert BOUNDS[:5] == (1, 2, 5, 10, 30)
    assert BOUNDS[5:] == (minute, 2 * minute, 5 * minute, 10 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 24 * hour)


def test_a_value_that_cannot_be_read_is_left_out(receiver: Receiver) -> None:
    def unreadable() -> float:
        raise Transient("503")

    sender = Otlp(receiver.url, SERVICE)
    sender.count(TRIALS)
    sender.observe(WAITING, unreadable)
    sender.close()
    assert receiver.figures(SERVICE) == {"modelmail.trials": 1}


def test_two_processes_of_one_service_have_names_of_their_own(receiver: Receiver) -> None:
    names = set()
    for _ in range(2):
        sender = Otlp(receiver.url, SERVICE)
        sender.count(TRIALS)
        sender.close()
        attributes = receiver.told[SERVICE].resource_metrics[0].resource.attributes
        names.add(next(one.value.string_value for one in attributes if one.key == "service.instance.id"))
    assert len(names) == 2


def test_the_end_of_a_program_sends_once(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    before = atexit._ncallbacks()
    sender = Otlp(receiver.url, SERVICE)
    assert atexit._ncallbacks() == before + 1  # the library would add one of its own
    sender.close()
    sender.close()  # as the end of the program does
    assert receiver.figures(SERVICE) == {}


def test_the_last_figures_wait_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = Otlp(f"http://127.0.0.1:{silent.getsockname()[1]}", SERVICE)
        sender.count(TRIALS)
        began = time.monotonic()
        sender.close()
        assert 2 < time.monotonic() - began < 8  # a machine that is taken back has ten
    assert [record for record in caplog.records if record.levelno < logging.ERROR] == []
