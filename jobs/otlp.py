"""Metrics by OpenTelemetry, over OTLP/HTTP. No other module imports OpenTelemetry.

A thread of its own sends the counters each minute, and once at the end. A receiver that does not answer delays only
this thread, and no job; the next sum includes a value that could not be sent, as counters only grow. The library's own
variables are valid too: OTEL_EXPORTER_OTLP_HEADERS, OTEL_METRIC_EXPORT_INTERVAL, OTEL_RESOURCE_ATTRIBUTES.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import atexit
import logging
import uuid
from collections.abc import Callable, Iterable

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from jobs.errors import Transient
from jobs.telemetry import JOB_SECONDS, JOBS, MAILS, STAGE_SECONDS, TRIALS, Metric

SEND_SECONDS = 10.0  # time limit for a receiver that does not answer; the next minute tries again
LAST_SECONDS = 3.0  # time limit for the last figures: a machine that is taken back has 10 seconds in all
# Bounds in seconds, from a stage of a test to a wait of a day.
BOUNDS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 86400)


class Otlp:
    """Telemetry that is sent to a receiver over OTLP."""

    def __init__(self, url: str, service: str) -> None:
        """Begin to send. `url` has no `/v1/metrics` at its end; `service` names the program."""
        # The library warns before each new try; its last message, an error, is enough.
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        # Each process has a random name, so that the receiver keeps the counters of several machines apart.
        who = Resource.create({"service.name": service, "service.instance.id": uuid.uuid4().hex})
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics", timeout=SEND_SECONDS))
        self._provider = MeterProvider([reader], who, shutdown_on_exit=False)
        self._meter = self._provider.get_meter("modelmail")
        self._counters: dict[Metric, Counter] = {
            row: self._meter.create_counter(row.name, row.unit, row.told) for row in (JOBS, TRIALS, MAILS)
        }
        self._histograms: dict[Metric, Histogram] = {
            row: self._meter.create_histogram(row.name, row.unit, row.told, explicit_bucket_boundaries_advisory=BOUNDS)
            for row in (JOB_SECONDS, STAGE_SECONDS)
        }
        atexit.register(self.close)

    def count(self, metric: Metric, **attributes: str) -> None:
        """Count one more."""
        self._counters[metric].add(1, attributes)

    def took(self, metric: Metric, seconds: float, **attributes: str) -> None:
        """Record a duration."""
        self._histograms[metric].record(seconds, attributes)

    def observe(self, metric: Metric, value: Callable[[], float]) -> None:
        """Ask for the value whenever figures are sent."""

        def asked(options: CallbackOptions) -> Iterable[Observation]:
            try:
                return [Observation(value())]
            except Transient:  # the storage does not answer: no figure is better than a wrong one
                return []

        self._meter.create_observable_gauge(metric.name, [asked], metric.unit, metric.told)

    def close(self) -> None:
        """Send the last figures, within LAST_SECONDS. It is called at the program's end."""
        try:
            self._provider.shutdown(timeout_millis=1000 * LAST_SECONDS)
        except Exception as error:  # the library raises no narrower type, and the program must end
            logging.getLogger(__name__).error("the last metrics were not sent: %s", type(error).__name__)
