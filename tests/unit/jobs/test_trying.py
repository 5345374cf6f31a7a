"""Which models a page can try."""

from __future__ import annotations

from jobs import trying


def test_classifiers_are_tried_and_detectors_are_not() -> None:
    assert trying.offered({"task": "classification"})
    assert trying.offered({})  # a report of the version before
    assert not trying.offered({"task": "detection"})
