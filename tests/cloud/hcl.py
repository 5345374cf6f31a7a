"""The Terraform files as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

FOLDER = Path(__file__).parents[2] / "infra" / "gcp"
META = {"count", "for_each", "depends_on", "lifecycle", "provider", "dynamic"}  # Terraform's own, of any resource


@cache
def load() -> dict[str, dict[str, Any]]:
    """Every resource: "type.name" -> its body, texts without their quotes."""
    return {f"{kind}.{name}": body for kind, name, body in _resources()}


def section(kind: str) -> dict[str, Any]:
    """All `variable`, `output` or `locals` blocks of the folder together."""
    found: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.tf")):
        for block in _plain(_read(path)).get(kind, []):
            found |= block
    return found


def blocks(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The blocks of this name in a body; a `dynamic` one counts by its content."""
    given = body.get(name, [])
    own = [block for block in given if isinstance(block, dict)] if isinstance(given, list) else []
    dynamic = [
        content
        for block in body.get("dynamic", [])
        for given, inner in block.items()
        if given == name
        for content in inner["content"]
    ]
    return own + dynamic


def _resources() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.tf")):
        for block in _plain(_read(path)).get("resource", []):
            for kind, named in block.items():
                yield from ((kind, name, body) for name, body in named.items())


def _read(path: Path) -> dict[str, Any]:
    with path.open() as file:
        return dict(hcl2.load(file))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items() if not key.startswith("__")}  # the parser's own
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
