"""Tests that the emulator's README agrees with the code, in both directions."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import requests
import typer.main
from google.api_core.exceptions import PreconditionFailed

from infra.cli.main import app
from infra.emulator import __main__ as program
from infra.emulator.faults.rules import ACTIONS, Rule, rules_from
from infra.emulator.json_api.batch import MAX_CALLS
from infra.emulator.signatures.claims import MAX_SECONDS, MAX_SKEW
from infra.emulator.store.listing import PAGE
from infra.emulator.store.store import SESSION_DAYS
from infra.emulator.transfers.copies import MAX_SOURCES
from infra.emulator.xml_api.multipart_uploads import MAX_PARTS
from tests.servers import EmulatorUnderTest, running_emulator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra/emulator"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
OPTIONS = {
    action.option_strings[-1]: action
    for action in program._parser()._actions
    if action.option_strings and action.dest != "help"
}


def _table(heading: str) -> list[list[str]]:
    """The cells of the first table after a header row, without backticks around them."""
    table = re.search(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", README[README.index(heading) :], re.M)
    assert table, heading
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell) for cell in row] for row in rows]


def _fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def test_options_and_their_defaults_are_those_of_the_program() -> None:
    told = {row[0].split()[0]: row[1] for row in _table("| option |")}
    assert told == {name: str(action.default or "").removeprefix("[]") for name, action in OPTIONS.items()}


def test_modelmail_emulator_has_the_same_options() -> None:
    command = typer.main.get_command(app).commands["emulator"]  # type: ignore[attr-defined]  # a group has them
    assert {flag for parameter in command.params for flag in parameter.opts} == set(OPTIONS)


def test_documented_commands_are_understood() -> None:
    commands = re.findall(r"-m infra\.emulator (.+)", "".join(_fenced("")))
    assert commands
    for command in commands:
        program._parser().parse_args(command.split())


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets


def test_the_target_runs_the_tests_of_this_folder() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(
        r"^emulator: dev ##.*\n(\t.*\n)*\t\$\(BIN\)/coverage run .* -m pytest tests/emulator$", makefile, re.M
    )


def test_the_python_example_works(emulator: EmulatorUnderTest) -> None:
    (text,) = _fenced("python")
    name = emulator.bucket().name + "-readme"
    told = {"http://127.0.0.1:9000": emulator.url, "buckets/service-account.json": str(emulator.key), "photos": name}
    for old, new in told.items():
        assert old in text
        text = text.replace(old, new)
    values: dict[str, Any] = {}
    exec(text, values)  # noqa: S102
    assert requests.get(values["link"], timeout=20).content == b"a cat"
    assert requests.get(values["link"].split("?")[0], timeout=20).status_code == 403
    with pytest.raises(PreconditionFailed):
        values["blob"].upload_from_string("a cat", if_generation_match=0)
    values["client"].close()


def test_limits_are_those_of_the_code() -> None:
    assert [value for _, value in _table("| at most |")] == [
        f"{number:,}"
        for number in (
            MAX_SOURCES, MAX_CALLS, MAX_PARTS, PAGE, SESSION_DAYS, MAX_SECONDS // 86400, MAX_SKEW.seconds // 60,
        )
    ]  # fmt: skip


def test_keys_of_a_fault_rule_and_their_defaults_are_those_of_the_code() -> None:
    told = {row[0]: row[1] for row in _table("| key | default |")}
    values = {field.name: "" if field.default is MISSING else field.default for field in fields(Rule)}
    assert told == {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def test_actions_are_those_of_the_code() -> None:
    row = next(row for row in _table("| key | default |") if row[0] == "action")
    assert set(re.findall(r"`?(\w+)` ", row[2])) == set(ACTIONS)


def test_the_example_of_a_rule_is_one() -> None:
    (text,) = re.findall(r"_emulator/faults -d '(.+)'", README)
    assert [rule.action for rule in rules_from(text.encode())] == ["status"]


def test_admin_routes_are_those_of_the_code() -> None:
    code = (FOLDER / "faults/admin.py").read_text(encoding="utf-8")
    assert {row[0] for row in _table("| route | |")} == set(re.findall(r'"(/_emulator/\w+)"', code))


def test_admin_routes_take_what_is_documented(tmp_path: Path, emulator: EmulatorUnderTest) -> None:
    with running_emulator(tmp_path / "data", emulator.key, "--admin") as own:
        for route, does in _table("| route | |"):
            method, value = re.findall(r"`(PUT|POST)(?: (\{.*?\}))?`", does)[0]
            own.tell(route.removeprefix("/_emulator/"), json.loads(value or "[]"), method)


def test_every_room_is_told() -> None:
    rooms = {path.name for path in FOLDER.iterdir() if (path / "__init__.py").exists()}
    assert {row[0] for row in _table("| room |")} == rooms
