"""Which formats a job makes: what was named, what that is made of, and what the time allows."""

from __future__ import annotations

import pytest

from jobs.options import EXPORTS
from vm_worker.exports import formats
from vm_worker.exports.formats import Pace

PACE = Pace(speed=40.0, gflops=0.4, photos=100)  # a quiet machine


def keys(rows: list[formats.Format]) -> list[str]:
    return [row.key for row in rows]


def test_the_table_has_every_format_that_an_option_names() -> None:
    assert set(formats.FORMATS) == set(EXPORTS)


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ((), ["h5"]),
        (("onnx",), ["h5", "onnx"]),
        (("service",), ["h5", "tflite", "service"]),
        (EXPORTS, list(formats.FORMATS)),
    ],
)
def test_what_was_named_and_what_it_needs(named: tuple[str, ...], wanted: list[str]) -> None:
    assert keys(formats.wanted(named)) == wanted


def test_the_most_wanted_come_first_and_model_h5_always() -> None:
    everything = formats.wanted(EXPORTS)
    whole = formats.seconds(everything, PACE)
    assert keys(formats.fitting(everything, whole + 0.1, PACE)) == list(formats.FORMATS)
    assert keys(formats.fitting(everything, -10.0, PACE)) == ["h5"]
    some = keys(formats.fitting(everything, whole * 0.6, PACE))
    assert {"h5", "keras", "tflite"} < set(some) and set(some) < set(EXPORTS)


def test_a_service_is_not_made_without_its_model() -> None:
    rows = formats.wanted(("service",))
    allowed = formats.seconds(rows[:2], PACE) - 1  # too little for the TFLite model
    assert keys(formats.fitting(rows, allowed, PACE)) == ["h5"]


def test_estimates_grow_with_photos_and_with_a_slow_machine() -> None:
    rows = formats.wanted(EXPORTS)
    quiet = formats.seconds(rows, PACE)
    assert formats.seconds(rows, Pace(40.0, 0.4, 1000)) > quiet + 90
    assert formats.seconds(rows, Pace(10.0, 0.4, 100)) > 2 * quiet
    assert formats.seconds(rows, PACE, making=False) < quiet
    # A heavy network is slow on a quiet machine too: its conversion is not estimated by that.
    assert Pace(4.0, 15.3, 100).slowness == 1.0


def test_what_keras_is_slow_with_other_readers_are_not() -> None:
    tflite, keras = formats.FORMATS["tflite"], formats.FORMATS["keras"]
    depthwise, plain = Pace(35.0, 0.4, 100), Pace(4.0, 15.3, 100)
    assert (depthwise.passes(tflite), depthwise.passes(keras)) == (0.4, 1.0)
    assert (plain.passes(tflite), plain.passes(keras)) == (1.0, 1.0)


def test_what_is_converted_is_proved_meanwhile() -> None:
    some, more = formats.wanted(("keras",)), formats.wanted(("keras", "onnx"))
    apart = formats.seconds(some, PACE) + formats.seconds([formats.FORMATS["onnx"]], PACE)
    assert formats.seconds(more, PACE) < apart


def test_a_tiny_network_does_not_make_the_machine_look_slow() -> None:
    """What a call costs beside its work is all that counts there: ten thousand images a second are not slow."""
    assert Pace(speed=10_000.0, gflops=0.0001, photos=15).slowness == 1.0
    assert Pace(speed=100.0, gflops=0.0001, photos=15).slowness > 10
