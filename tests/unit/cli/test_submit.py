"""`modelmail submit` before it asks the service for anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.main import app


@pytest.mark.parametrize(("given", "stdin"), [("", ""), (" ", ""), ("-", ""), ("-", "\n")])
def test_an_empty_link_is_told_before_anything_is_sent(tmp_path: Path, given: str, stdin: str) -> None:
    """Without it the job would start from ImageNet, and nobody would hear why."""
    words = ["submit", str(tmp_path), "--email", "a@example.org", "--url", "http://127.0.0.1:1", "--base", given]
    done = CliRunner().invoke(app, words, input=stdin)
    assert done.exit_code == 2
    assert done.output.startswith("--base: no link was given")
