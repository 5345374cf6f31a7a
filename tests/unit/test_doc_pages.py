"""The documents hang together: links lead somewhere, files exist, README is short and names every page."""

from __future__ import annotations

import importlib.util
import re
import struct
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.documents import ALL, FENCE, PAGES, README, ROOT, Page, page

README_LINES = 200
TOPS = ("docs", "function", "infra", "jobs", "templates", "tests", "vm_worker")
# By a deployment, in the data folder of a demo, and by make dev where npm can be reached.
MADE = {"infra/gcp/terraform-<project>.tfstate", "jobs/<id>/", "templates/runtime"}


def test_readme_is_short() -> None:
    assert len(README.text.splitlines()) <= README_LINES


def test_readme_links_every_page() -> None:
    """A folder's own README may be linked by a page instead."""
    assert {name for name in PAGES if not name.endswith("README.md")} <= set(README.links)
    assert set(PAGES) <= {_resolved(name, link)[0] for name, link in _links()}


def _links() -> Iterator[tuple[str, str]]:
    for document in ALL:
        for link in document.links:
            if not link.startswith(("https://", "http://")):
                yield document.name, link


def _resolved(name: str, link: str) -> tuple[str, str]:
    """The file that a link on a page means, relative to the root, and its anchor."""
    target, _, anchor = link.partition("#")
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / target).parts if target else PurePosixPath(name).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts), anchor


@pytest.mark.parametrize(("name", "link"), sorted(set(_links())))
def test_links_lead_to_files_and_headings(name: str, link: str) -> None:
    target, anchor = _resolved(name, link)
    assert (ROOT / target).is_file(), f"{name} links {link}"
    if anchor:
        assert anchor in PAGES[target].anchors, f"{name} links {link}"


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_links_to_other_sites_are_safe_ones(document: Page) -> None:
    assert [link for link in document.links if link.startswith("http://")] == []


def _named_files() -> Iterator[tuple[str, str]]:
    """Each file or folder of the repository that a code span or a line of code names."""
    for document in ALL:
        for line in document.code_lines:
            for found in re.findall(rf"(?<![\w/.-])((?:{'|'.join(TOPS)})/[^\s`:'\"]*)", line):
                yield document.name, found


@pytest.mark.parametrize(("name", "path"), sorted(set(_named_files())))
def test_files_that_a_page_names_exist(name: str, path: str) -> None:
    braces = re.search(r"\{([^}]+)\}", path)
    paths = [path.replace(braces[0], one) for one in braces[1].split(",")] if braces else [path]
    assert [one for one in paths if one not in MADE and not (ROOT / one).exists()] == [], name


def _modules() -> Iterator[tuple[str, str]]:
    for document in ALL:
        for line in document.code_lines:
            for module in re.findall(r"python3? -m ([\w.]+)", line):
                yield document.name, module


@pytest.mark.parametrize(("name", "module"), sorted(set(_modules())))
def test_modules_that_a_page_runs_exist(name: str, module: str) -> None:
    assert importlib.util.find_spec(module), name


def test_each_figure_names_a_measurement_that_has_a_command() -> None:
    figures = page("figures")
    rows = [row for row in re.findall(r"^\|.*\|$", figures.text.partition("## Commands")[0], re.M) if ".py" in row]
    named = {file for row in rows for file in re.findall(r"`(\w+)\.py`", row)} | {"search"}
    commands = figures.text.partition("## Commands")[2]
    called = set(re.findall(r"tests[./]benchmarks[./](\w+)", commands))
    assert len(rows) >= 15 and named == called
    assert all((ROOT / "tests" / "benchmarks" / f"{name}.py").is_file() for name in called)


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_flags_of_a_documented_measurement_exist(document: Page) -> None:
    for line in document.code_lines:
        module = re.search(r"python -m tests\.benchmarks\.(\w+)", line)
        source = (ROOT / "tests" / "benchmarks" / f"{module[1]}.py").read_text(encoding="utf-8") if module else ""
        flags = re.findall(r"(?<![\w-])--[a-z-]+", line) if module else []
        assert [flag for flag in flags if f'"{flag}"' not in source] == [], line


@pytest.mark.parametrize("document", ALL, ids=lambda document: document.name)
def test_tables_have_rows_of_equal_length(document: Page) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", FENCE.sub("", document.text), re.M):
        cells = {row.count("|") - row.count("\\|") for row in re.sub(r"`[^`\n]*`", "", table).splitlines()}
        assert len(cells) == 1, table


def test_pictures_are_pictures() -> None:
    for link in README.links:
        if link.endswith(".png"):
            head = (ROOT / link).read_bytes()[:24]
            assert head[:8] == b"\x89PNG\r\n\x1a\n" and all(side > 0 for side in struct.unpack(">II", head[16:]))


def _rooms() -> Iterator[str]:
    """Every folder of the packages, and every module at the root of the worker, as the page names it."""
    for package in ("function", "jobs", "templates", "vm_worker", "infra"):
        yield f"{package}/"
    for folder in ("vm_worker", "vm_worker/learn", "jobs"):
        yield from (
            path.relative_to(ROOT).as_posix() for path in (ROOT / folder).iterdir() if (path / "__init__.py").is_file()
        )
    yield from (path.stem for path in (ROOT / "vm_worker").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("room", sorted(set(_rooms()) - {"vm_worker/learn"}))
def test_the_page_on_architecture_names_every_folder_and_module_of_the_worker(room: str) -> None:
    assert f"`{room}`" in PAGES["docs/architecture.md"].text
