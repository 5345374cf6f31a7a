"""README says what the code says, in both directions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from function.main import ROUTES
from infra.cli.main import app
from jobs import options
from jobs.errors import CODES
from jobs.limits import GIB, MIB, rows
from jobs.options import Options
from jobs.settings import Settings

ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them


def _amount(value: Any, unit: str) -> str:
    """2147483648 bytes as "2 GiB", 50000 files as "50,000 files"."""
    if unit == "bytes":
        sizes = ((GIB, "GiB"), (MIB, "MiB"), (1_000_000, "MB"), (1024, "KiB"))
        value, unit = next((value // size, name) for size, name in sizes if value % size == 0)
    return f"{value:,} {unit}"


def limits_table() -> list[str]:
    """The table as README has it."""
    return [
        f"| `{row.name}` | {_amount(row.default, row.metadata['unit'])} | {row.metadata['because']} |" for row in rows()
    ]


def codes_table() -> list[str]:
    """The table as README has it."""
    return [
        f"| `{row.code}` | {row.where} | {row.http_status} | {row.title} | {row.advice} |" for row in CODES.values()
    ]


def _table_after(heading: str) -> list[str]:
    """The rows of the first table under a line that holds `heading`."""
    table = re.search(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", README[README.index(heading) :], re.M)
    assert table, f"README has no table after {heading!r}"
    return table[1].splitlines()


def _first_cells(heading: str) -> list[str]:
    return [row.split("|")[1].strip().strip("`") for row in _table_after(heading)]


def test_limits_are_those_of_the_code() -> None:
    assert _table_after("## Limits") == limits_table()


def test_codes_are_those_of_the_code() -> None:
    assert _table_after("refused with a code") == codes_table()


def test_routes_are_those_of_the_function() -> None:
    served = {
        f"{method} {re.sub('<(?:path:)?(?:job_)?', '<', rule.rule)}"
        for rule in ROUTES.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(_first_cells("| route | does |")) == served


def test_options_and_their_defaults_are_those_of_the_code() -> None:
    shown = {row.split("|")[1].strip(" `"): row.split("|")[2].strip() for row in _table_after("| option |")}
    defaults = {
        name: {"": "by the zip", "()": "all", "True": "true", "False": "false", "None": "none"}.get(
            str(value), str(value)
        )
        for name, value in vars(Options()).items()
    } | {"exports": ", ".join(options.EXPORTS)}
    assert shown == defaults


def test_options_name_every_candidate() -> None:
    row = next(row for row in _table_after("| option |") if "`candidates`" in row)
    assert ", ".join(options.CANDIDATES) in row


def test_settings_are_those_of_the_code() -> None:
    fields = {f"MODELMAIL_{name.upper()}" for name in Settings.__dataclass_fields__ if name != "limits"}
    assert set(_first_cells("| variable |")) == fields
    assert set(re.findall(r"MODELMAIL_[A-Z_]+\b", README)) - {"MODELMAIL_LIMIT_"} == fields


def test_commands_are_those_of_the_program() -> None:
    assert set(re.findall(r"^modelmail ([a-z-]+)", README, re.M)) == set(COMMANDS)


@pytest.mark.parametrize("line", re.findall(r"^modelmail .*", README, re.M))
def test_flags_of_a_documented_command_exist(line: str) -> None:
    command = COMMANDS[line.split()[1]]
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", line)) <= flags


def test_submit_has_a_flag_for_each_option() -> None:
    flags = {flag for parameter in COMMANDS["submit"].params for flag in parameter.opts}
    assert {f"--{name.replace('_', '-')}" for name in vars(Options())} <= flags


def test_every_command_helps_with_an_example() -> None:
    assert [name for name, command in COMMANDS.items() if "Example:" not in (command.help or "")] == []


def test_make_targets_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"^make ([a-z]+)", README, re.M)) == targets - {"help"}


PROMISES = re.findall(r"^\| (?!with|promise|---)(.+?) \| `(tests/[^`:]+)(?:::([a-z0-9_]+))?` \|$", SECURITY, re.M)


def test_each_promise_names_its_test() -> None:
    promised = SECURITY[SECURITY.index("## What is promised") : SECURITY.index("## What is not promised")]
    rows = re.findall(r"^\| (?!promise)[^|-].*\|$", promised, re.M)
    assert len(rows) == len(PROMISES) >= 30


@pytest.mark.parametrize(("promise", "file", "test"), PROMISES)
def test_a_named_test_exists(promise: str, file: str, test: str) -> None:
    path = ROOT / file
    assert path.is_file(), promise
    assert re.search(rf"def {test or 'test_'}", path.read_text(encoding="utf-8")), promise
