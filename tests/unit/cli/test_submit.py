"""`modelmail submit` before it asks the service for anything."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.cli.submit import bases


@pytest.mark.parametrize(("given", "stdin"), [("", ""), (" ", ""), ("-", ""), ("-", "\n")])
def test_an_empty_link_is_told_before_anything_is_sent(tmp_path: Path, given: str, stdin: str) -> None:
    """Without it the job would start from ImageNet, and nobody would hear why."""
    words = ["submit", str(tmp_path), "--email", "a@example.org", "--url", "http://127.0.0.1:1", "--base", given]
    done = CliRunner().invoke(app, words, input=stdin)
    assert done.exit_code == 2
    assert done.output.startswith("--base: no link was given")


def test_several_links_are_a_list_each_read_where_it_stands() -> None:
    def typed(*given: str, stdin: str = "") -> object:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", StringIO(stdin))
            return bases(given)

    assert typed() is None
    assert typed("a") == "a"
    assert typed("-", stdin=" b \nc\n") == "b"
    assert typed("a", "-", "-", stdin="b\nc\n") == ["a", "b", "c"]


def test_one_empty_link_of_several_is_told_too(tmp_path: Path) -> None:
    words = ["submit", str(tmp_path), "--email", "a@example.org", "--url", "http://127.0.0.1:1"]
    done = CliRunner().invoke(app, [*words, "--base", "http://127.0.0.1:1/#continue=a", "--base", "-"], input="")
    assert done.exit_code == 2
    assert done.output.startswith("--base: no link was given")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["CONV:3X3:1X1:SAMB", "SOFTMAX"]', "did you mean SAME?"),
        ('["MAX_POOLING:65X65:1X1:VALID", "SOFTMAX"]', "a window of 65 x 65 does not fit"),
        ("nothing.json", 'there is no file "nothing.json"'),
    ],
)
def test_a_network_that_cannot_be_built_is_told_before_anything_is_sent(tmp_path: Path, text: str, said: str) -> None:
    words = ["submit", str(tmp_path), "--email", "a@example.org", "--url", "http://127.0.0.1:1", "--architecture", text]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and done.output.startswith("--architecture: ") and said in done.output


def test_a_wrong_option_is_told_before_the_photos_are_looked_at(tmp_path: Path) -> None:
    words = ["submit", str(tmp_path), "--email", "a@example.org", "--url", "http://127.0.0.1:1", "--minutes", "2"]
    done = CliRunner().invoke(app, [*words, "--designs", "40"])
    assert done.exit_code == 1 and "bad_option: designs needs design" in done.output
