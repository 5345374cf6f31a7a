"""The model behind the service: right from any number of threads, and only for models of its kind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.unit.service.conftest import LABELS, photo
from vm_worker.exports.service.runtime.engine import BadImage, Engine


def test_many_threads_get_the_answers_of_one(engine: Engine) -> None:
    photos = [photo(5 if number % 2 else 250) for number in range(16)]
    alone = [engine.predict(data) for data in photos]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(engine.predict, photos * 4))
    assert [said.label for said in together] == [said.label for said in alone] * 4
    assert all(
        np.allclose(one.probabilities, other.probabilities, atol=1e-6)
        for one, other in zip(together, alone * 4, strict=True)
    )


def test_a_photo_alone_gets_every_core_and_of_several_each_gets_one(occupied: Engine) -> None:
    with occupied._interpreter() as first, occupied._interpreter() as second:
        assert first is occupied._wide is not second  # it is taken
    one, other = occupied.submit(photo(5)), occupied.submit(photo(5))
    with occupied._interpreter() as narrow:
        assert narrow is second
    assert other.cancel()
    with occupied._interpreter() as alone:
        assert alone is occupied._wide
    one.cancel()


def test_a_broken_photo_breaks_nothing(engine: Engine) -> None:
    with pytest.raises(BadImage):
        engine.predict(b"no photo")
    assert engine.predict(photo(5)).label == "dark"


def test_labels_that_do_not_fit_the_model_are_refused(tflite: bytes) -> None:
    with pytest.raises(ValueError, match="not a model of this service"):
        Engine(tflite, LABELS[:2])
