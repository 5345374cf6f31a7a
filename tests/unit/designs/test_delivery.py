"""What other programs cannot load is built as what they can."""

from __future__ import annotations

from vm_worker.designs.delivery import deliverable
from vm_worker.designs.grammar import parse

TEXT = """["LocalRespNorm", [["IDENTITY", ["LocalRespNorm", "RELU"]], "Add"], {"name": "a", "op": "LocalRespNorm"},
 {"name": "b", "op": [["@a", "RELU"], "Add"]}, "SOFTMAX"]"""


def test_local_response_normalization_becomes_batch_normalization() -> None:
    built, changed = deliverable(parse(TEXT))
    assert changed and built == parse(TEXT.replace("LocalRespNorm", "BatchNorm"))
    plain = parse('["CONV:3X3:1X1:SAME", "SOFTMAX"]')
    assert deliverable(plain) == (plain, False)
