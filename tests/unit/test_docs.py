"""The documents say what the code says, in both directions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import typer.main

from function.main import ROUTES
from infra.cli.main import app
from jobs import options
from jobs.errors import CODES
from jobs.limits import Limits, rows
from jobs.options import Options, parse_options
from jobs.settings import Settings
from tests.documents import ALL, README, ROOT, SECURITY, Page, page

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them
SETTINGS = {f"MODELMAIL_{name.upper()}" for name in Settings.__dataclass_fields__ if name != "limits"}
LIMITS = {f"MODELMAIL_LIMIT_{row.name.upper()}" for row in rows()}
BENCHMARKS = ROOT / "tests" / "benchmarks"


def _amount(value: Any, unit: str) -> str:
    """2147483648 bytes as "2 GiB", 50000 files as "50,000 files"."""
    if unit == "bytes":
        sizes = ((2**30, "GiB"), (2**20, "MiB"), (1_000_000, "MB"), (1024, "KiB"))
        value, unit = next((value // size, name) for size, name in sizes if value % size == 0)
    return f"{value:,} {unit}"


def limits_table() -> list[str]:
    """The table as docs/limits.md has it."""
    return [
        f"| `{row.name}` | {_amount(row.default, row.metadata['unit'])} | {row.metadata['because']} |" for row in rows()
    ]


def codes_table() -> list[str]:
    """The table as docs/limits.md has it."""
    return [
        f"| `{row.code}` | {row.where} | {row.http_status} | {row.title} | {row.advice} |" for row in CODES.values()
    ]


def test_limits_are_those_of_the_code() -> None:
    assert page("limits").table_after("## Limits") == limits_table()


def test_codes_are_those_of_the_code() -> None:
    assert page("limits").table_after("refused with a code") == codes_table()


def test_routes_are_those_of_the_function() -> None:
    served = {
        f"{method} {re.sub('<(?:path:)?(?:job_)?', '<', rule.rule)}"
        for rule in ROUTES.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(page("using").first_cells("| route | does |")) == served


def test_options_and_their_defaults_are_those_of_the_code() -> None:
    table = page("using").table_after("| option |")
    shown = {row.split("|")[1].strip(" `"): row.split("|")[2].strip() for row in table}
    defaults = {
        name: {"": "by the zip", "()": "all that are offered", "True": "true", "False": "false", "None": "none"}.get(
            str(value), str(value)
        )
        for name, value in vars(parse_options({}, Limits())).items()
    } | {"exports": ", ".join(options.EXPORTS), "base": "none"}
    assert shown == defaults


def test_options_name_every_candidate() -> None:
    row = next(row for row in page("using").table_after("| option |") if "`candidates`" in row)
    assert ", ".join(options.CANDIDATES) in row


def test_formats_are_those_of_the_option() -> None:
    assert page("formats").first_cells("| option | file |") == list(options.EXPORTS)


def test_settings_and_their_defaults_are_those_of_the_code() -> None:
    settings = Settings.from_env({})
    assert settings == Settings()
    table = page("limits").table_after("| variable |")
    shown = {row.split("|")[1].strip(" `"): row.split("|")[2].strip(" `") for row in table}
    defaults = {f"MODELMAIL_{name.upper()}": value for name, value in vars(settings).items() if name != "limits"}
    assert shown == {
        name: f"{value:g}" if isinstance(value, int | float) else str(value or "") for name, value in defaults.items()
    }


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_every_variable_that_a_page_names_is_one(document: Page) -> None:
    named = set(re.findall(r"MODELMAIL_[A-Z_]+\b", document.text)) - {"MODELMAIL_LIMIT_"}
    measured = re.findall(r"MODELMAIL_[A-Z_]+", "".join(path.read_text() for path in BENCHMARKS.glob("*.py")))
    assert named - SETTINGS - LIMITS <= (set(measured) if document.name == "docs/figures.md" else set())


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_every_cloud_variable_that_a_page_names_is_one(document: Page) -> None:
    text = (ROOT / "infra" / "gcp" / "variables.tf").read_text(encoding="utf-8")
    assert set(re.findall(r"TF_VAR_([a-z_]+)", document.text)) <= set(re.findall(r'^variable "(\w+)"', text, re.M))


def test_commands_are_those_of_the_program() -> None:
    assert page("using").text.count("## Commands") == 1
    table = page("using").text.partition("## Commands")[2]
    assert re.findall(r"^modelmail ([a-z-]+) ", table, re.M) == _in_the_tables_order(table)


def _in_the_tables_order(table: str) -> list[str]:
    """All commands of the program, each once, in the order of the list: so a missing and a doubled one are seen."""
    return sorted(COMMANDS, key=lambda name: table.find(f"\nmodelmail {name} "))


def _calls() -> Iterator[tuple[str, str]]:
    """Each line of code that calls `modelmail`, with the page that it is on."""
    for document in ALL:
        for line in document.code_lines:
            if re.match(r"(?:\w+=\S+ )*modelmail(?: |$)", line):
                yield document.name, line


@pytest.mark.parametrize(("name", "line"), sorted(set(_calls())))
def test_a_documented_call_exists(name: str, line: str) -> None:
    call = re.split(r"\s{2,}", line)[0]  # behind the gap the list says what the command does
    words = call.partition("modelmail")[2].split()
    command = COMMANDS.get(words[0]) if words else None
    if command is None:
        # Words that stand for a command, and the flags that Typer adds to the program itself.
        assert not words or words[0] in {"COMMAND", "--version", "--install-completion"}, (name, line)
        return
    commands = [command, *_named(command, words)]
    flags = {flag for one in commands for parameter in one.params for flag in parameter.opts + parameter.secondary_opts}
    assert set(re.findall(r"(?<![\w-])--[a-z-]+", call)) <= flags | {"--help"}, (name, line)


def _named(command: click.Command, words: list[str]) -> list[click.Command]:
    """The commands below a group that the call names, such as `list` of `jobs [list|retry ID]`; KeyError for others."""
    below = getattr(command, "commands", {})
    offered = re.findall(r"(?:^|[\[|])([a-z]+)", " ".join(words[1:])) if below else []
    return [below[name] for name in offered]


def test_groups_of_commands_are_documented_whole() -> None:
    table = page("using").text.partition("## Commands")[2]
    for name, command in COMMANDS.items():
        below = set(getattr(command, "commands", {}))
        if below:
            shown = re.search(rf"^modelmail {name} \[([^\]]+)\]", table, re.M)
            assert shown and {part.split()[0] for part in shown[1].split("|")} == below


def test_submit_has_a_flag_for_each_option() -> None:
    flags = {flag for parameter in COMMANDS["submit"].params for flag in parameter.opts}
    assert {f"--{name.replace('_', '-')}" for name in vars(Options())} <= flags


def test_every_command_helps_with_an_example() -> None:
    assert [name for name, command in COMMANDS.items() if "Example:" not in (command.help or "")] == []


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def test_make_targets_are_those_of_the_makefile() -> None:
    develop = README.text.partition("## Develop")[2]
    assert set(re.findall(r"^make ([a-z]+)", develop, re.M)) == _targets() - {"help"}


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_every_make_target_that_a_page_names_is_one(document: Page) -> None:
    named = {match[1] for line in document.code_lines if (match := re.match(r"make ([a-z]+)", line))}
    assert named <= _targets()


PROMISES = re.findall(r"^\| (?!with|promise|---)(.+?) \| `(tests/[^`:]+)(?:::([a-z0-9_]+))?` \|$", SECURITY.text, re.M)


def test_each_promise_names_its_test() -> None:
    text = SECURITY.text
    promised = text[text.index("## What is promised") : text.index("## What is not promised")]
    found = re.findall(r"^\| (?!promise)[^|-].*\|$", promised, re.M)
    assert len(found) == len(PROMISES) >= 30


@pytest.mark.parametrize(("promise", "file", "test"), PROMISES)
def test_a_named_test_exists(promise: str, file: str, test: str) -> None:
    path = ROOT / file
    assert path.is_file(), promise
    assert re.search(rf"def {test or 'test_'}", path.read_text(encoding="utf-8")), promise
