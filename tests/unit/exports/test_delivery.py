"""What a delivery says of formats that fail or do not fit; the real ones are made in test_verify.py."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Semaphore

import numpy as np
import pytest

from jobs.errors import Bug
from jobs.options import EXPORTS
from tests.unit.exports.proofs import proof_of
from vm_worker.events import ProgressCallback
from vm_worker.exports import clean, conversion, delivery, formats
from vm_worker.exports.conversion import LATE, Conversion, Made
from vm_worker.exports.delivery import Order, deliver
from vm_worker.exports.formats import Format, Pace, Reader
from vm_worker.exports.service import base
from vm_worker.exports.verify import Proof
from vm_worker.learn.latency import measurement
from vm_worker.results.exported import ExportRow, Latency, ThreadLatency

PACE = Pace(40.0, 0.4, 4)
THREADS = ThreadLatency(1, 2.0, 2.0, 3.0)


def made(row: Format) -> ExportRow:
    """The row of a file that was proved."""
    return ExportRow(row.file, row.key, "made", 4, 1.0, 1.0, 0.0, "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything that converts, proves or measures is replaced by its word; ONNX fails."""

    def convert(conversion: Conversion) -> Iterator[tuple[str, Made]]:
        for key, path in conversion.paths.items():
            path.write_bytes(key.encode())
            yield key, Made("no such operation" if key == "onnx" else "", 2.0)

    def prove(
        proof: Proof, reader: Reader, rows: Iterable[Format], folder: Path, turns: Semaphore
    ) -> Iterator[ExportRow]:
        for row in rows:
            assert (folder / row.file).is_file()
            yield made(row)

    def keras(folder: Path) -> Made:
        (folder / "model.keras").write_bytes(b"keras")
        return Made("", 1.0)

    def measure(paths: Sequence[Path], seconds: float) -> dict[Path, Latency]:
        return {path: Latency(100, path.stat().st_size, THREADS, THREADS) for path in paths}

    monkeypatch.setattr(conversion, "convert", convert)
    monkeypatch.setattr(delivery, "prove", lambda *given: list(prove(*given)))
    monkeypatch.setattr(delivery, "_keras", keras)
    monkeypatch.setattr(measurement, "measure", measure)
    monkeypatch.setattr(base, "base", lambda: tmp_path / "base.pyz")
    (tmp_path / "base.pyz").write_bytes(b"PK\x05\x06" + bytes(18))  # an empty zip
    (tmp_path / "model.h5").write_bytes(b"h5")
    return tmp_path


def nobody(fraction: float, message: str) -> None:
    """Hears how far it is."""


def delivered(
    folder: Path,
    seconds: float = 1000.0,
    tell: ProgressCallback = nobody,
    proved: tuple[ExportRow, ...] = (),
    pace: Pace = PACE,
) -> dict[str, ExportRow]:
    rows = np.arange(4)
    proof = proof_of(folder / "x.npy", rows, rows, np.zeros((4, 2), np.float32), folder, 100.0)
    wanted = tuple(formats.wanted(EXPORTS))
    order = Order(folder, wanted, proof, rows, ("a", "b"), {"title": "Small"}, pace, seconds, tell, proved)
    return {row.format: row for row in deliver(order)}


def test_a_failing_extra_is_named_and_the_others_are_there(folder: Path) -> None:
    rows = delivered(folder)
    assert list(rows) == list(formats.FORMATS)
    assert (rows["onnx"].state, rows["onnx"].note, rows["onnx"].bytes) == ("failed", "no such operation", None)
    assert {row.state for key, row in rows.items() if key != "onnx"} == {"made"}
    assert rows["tflite"].latency == Latency(100, 6, THREADS, THREADS) and rows["h5"].latency is None


def test_each_step_is_told_and_a_file_that_failed_is_behind_us_too(folder: Path) -> None:
    told: list[tuple[float, str]] = []
    delivered(folder, tell=lambda fraction, message: told.append((fraction, message)))
    fractions, messages = zip(*told, strict=True)
    assert list(fractions) == sorted(fractions) and fractions[-1] == 1.0
    assert {"Made model.tflite", "model.onnx could not be made", "Checked model.h5 in a clean process"} < set(messages)
    assert len(messages) == 2 * len(formats.FORMATS) - 1


def test_what_was_proved_before_is_neither_made_nor_proved_again(folder: Path) -> None:
    told: list[str] = []
    h5, keras = (replace(made(formats.FORMATS[key]), images=9) for key in ("h5", "keras"))
    keras = replace(keras, state="failed", note="differs")
    rows = delivered(folder, tell=lambda fraction, message: told.append(message), proved=(h5, keras))
    assert rows["h5"] == replace(h5, bytes=2) and rows["keras"] == keras
    assert {row.state for key, row in rows.items() if key not in ("keras", "onnx")} == {"made"}
    assert "Checked model.h5 in a clean process" not in told and "Made model.keras" not in told
    late = delivered(folder, seconds=-1.0, proved=(h5,))
    assert {key: row.state for key, row in late.items() if row.state != "left_out"} == {"h5": "made"}


def test_without_a_packer_there_is_no_service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Path:
        raise Bug("the service cannot be built here: shiv is not installed")

    monkeypatch.setattr(base, "base", broken)
    row = delivered(folder)["service"]
    assert (row.state, row.note) == ("failed", "the service cannot be built here: shiv is not installed")


def test_what_does_not_fit_into_the_time_is_left_out_and_named(folder: Path) -> None:
    rows = delivered(folder, seconds=-1.0)
    assert {key for key, row in rows.items() if row.state == "made"} == {"h5"}
    assert {row.state for key, row in rows.items() if key != "h5"} == {"left_out"}
    assert rows["tflite"].note == formats.LEFT_OUT


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_what_the_estimate_left_out_is_made_in_the_time_that_is_left(folder: Path, share: float) -> None:
    """All is made at once here, so that much more time is left than the estimate thought."""
    whole = formats.seconds(formats.wanted(EXPORTS), PACE)
    at_first = formats.fitting(formats.wanted(EXPORTS), share * whole, PACE)
    assert len(at_first) < len(formats.FORMATS)
    rows = delivered(folder, seconds=share * whole)
    tried = {key for key, row in rows.items() if row.state != "left_out"}
    assert tried > {row.key for row in at_first}


CROWDED = Pace(1.0, 0.4, 4)


def test_on_a_crowded_machine_the_most_wanted_formats_are_tried_one_by_one_against_the_estimate(folder: Path) -> None:
    h5, asked = made(formats.FORMATS["h5"]), formats.wanted(EXPORTS)
    assert formats.later(asked, {"h5"}, 40.0, CROWDED) == []
    assert [row.key for row in formats.hoped(asked, {"h5"}, 40.0, CROWDED)] == ["keras"]
    rows = delivered(folder, seconds=40.0, proved=(h5,), pace=CROWDED)
    assert {key: row.state for key, row in rows.items() if row.state != "made"} == {"onnx": "failed"}
    assert formats.hoped(asked, {"h5"}, 15.0, CROWDED) == []  # an idle machine would hardly end in time


def test_a_format_whose_time_ran_out_is_left_out_and_the_proof_ends_with_the_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    def convert(conversion: Conversion) -> Iterator[tuple[str, Made]]:
        limits.append(conversion.seconds)
        yield from ((key, Made(LATE, 2.0)) for key in conversion.paths)

    def prove(proof: Proof, reader: Reader, rows: Iterable[Format], *_: object) -> list[ExportRow]:
        limits.append(proof.timeout)
        return [replace(made(row), state="failed", note=clean.LATE) for row in rows]

    monkeypatch.setattr(conversion, "convert", convert)
    monkeypatch.setattr(delivery, "prove", prove)
    rows = delivered(folder, seconds=40.0, proved=(made(formats.FORMATS["h5"]),))
    assert limits and max(limits) <= 40.0
    others = [(row.state, row.note) for key, row in rows.items() if key != "h5"]
    assert set(others) == {("left_out", formats.LEFT_OUT)}


def test_a_service_is_made_later_of_the_model_that_is_there() -> None:
    rows = formats.wanted(("service", "onnx"))
    assert [row.key for row in formats.later(rows, {"h5", "tflite"}, 1000.0, PACE)] == ["service", "onnx"]
    assert [row.key for row in formats.later(rows, {"h5"}, 1000.0, PACE)] == ["tflite", "service", "onnx"]
    assert formats.later(rows, {"h5", "tflite"}, 3.0, PACE) == []


def test_a_model_that_cannot_be_timed_is_delivered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(paths: Sequence[Path], seconds: float) -> dict[Path, Latency]:
        raise measurement.NotMeasured("no LiteRT")

    monkeypatch.setattr(measurement, "measure", broken)
    row = delivered(folder)["tflite"]
    assert (row.state, row.latency) == ("made", None)


def test_a_file_is_proved_while_others_are_converted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proved = threading.Event()

    def convert(conversion: Conversion) -> Iterator[tuple[str, Made]]:
        for key, path in conversion.paths.items():
            path.write_bytes(key.encode())
            yield key, Made()
            if key == "tflite":
                assert proved.wait(30)

    def prove(proof: Proof, reader: Reader, rows: Iterable[Format], *_: object) -> list[ExportRow]:
        found = []
        for row in rows:
            found.append(made(row))
            if row.key == "tflite":
                proved.set()
        return found

    monkeypatch.setattr(conversion, "convert", convert)
    monkeypatch.setattr(delivery, "prove", prove)
    assert {row.state for row in delivered(folder).values()} == {"made"}


def test_an_error_of_ours_leaves_nobody_waiting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(conversion: Conversion) -> Iterator[tuple[str, Made]]:
        yield "tflite", Made()
        raise OSError("no space left")

    monkeypatch.setattr(conversion, "convert", convert)
    with pytest.raises(OSError, match="no space left"):
        delivered(folder)
