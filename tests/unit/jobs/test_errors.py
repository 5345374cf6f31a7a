"""The table of codes."""

from __future__ import annotations

import pytest

from jobs.errors import CODES, Code, UserError, Where


@pytest.mark.parametrize("row", CODES.values(), ids=lambda row: row.code)
def test_every_code_reads_well(row: Code) -> None:
    assert row.title[0].isupper() and not row.title.endswith(".")
    assert row.advice.endswith(".")
    assert 400 <= row.http_status < 600
    assert len((row.title + row.advice).split()) < 40


def test_a_user_error_finds_its_row() -> None:
    error = UserError("one_class", "There is only the class cats.", file="cats/")
    assert error.row.where is Where.DATASET
    assert str(error) == "There is only the class cats."
    assert error.file == "cats/"
