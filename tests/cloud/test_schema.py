"""Each resource and argument against the provider's own schema, read from its generated Python classes.

The package `cdktf-cdktf-provider-google` is large, so it is in no extra: `make cloud` installs it into an
environment of its own. It is parsed, never imported.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import hcl

pytestmark = pytest.mark.skipif(
    find_spec("cdktf_cdktf_provider_google") is None, reason="the provider's classes are not installed: make cloud"
)
COMMON = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners", "scope", "id_"}


def _folder() -> Path:
    spec = find_spec("cdktf_cdktf_provider_google")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


@cache
def _classes(kind: str) -> dict[str, dict[str, tuple[str, bool]]]:
    """Class -> argument -> (its annotation, whether it must be given), of one resource's module."""
    name = kind.removeprefix("google_")
    path = _folder() / name / "__init__.py"
    assert path.exists(), f"the provider has no {kind}"
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                    pairs = zip(part.args.kwonlyargs, part.args.kw_defaults, strict=True)
                    found[node.name] = {
                        one.arg: (ast.unparse(one.annotation) if one.annotation else "", default is None)
                        for one, default in pairs
                    }
    return found


def _root(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.removeprefix("google_").split("_"))


def _class_of(annotation: str, classes: dict[str, Any]) -> str | None:
    return next((name for name in re.findall(r"'(\w+)'", annotation) if name in classes), None)


def _wrong(kind: str, body: dict[str, Any], cls: str, where: str) -> list[str]:
    classes = _classes(kind)
    known = classes[cls]
    given = {key for key in body if key not in hcl.META} | {name for block in body.get("dynamic", []) for name in block}
    faults = [f"{where}.{key} is not known" for key in sorted(given - set(known))]
    faults += [
        f"{where}.{key} is missing" for key, (_, required) in known.items() if required and key not in given | COMMON
    ]
    for key in sorted(given & set(known)):
        annotation = known[key][0]
        inner = _class_of(annotation, classes)
        nested = hcl.blocks(body, key)
        if inner and nested:
            for block in nested:
                faults += _wrong(kind, block, inner, f"{where}.{key}")
        elif not _fits(body.get(key), annotation):
            faults.append(f"{where}.{key} = {body.get(key)!r} is not of type {annotation}")
    return faults


def _fits(value: Any, annotation: str) -> bool:
    """Literals alone can be judged: an expression's type is Terraform's business."""
    if isinstance(value, str) and "${" in value:
        return True
    kinds = {bool: "builtins.bool", int: "jsii.Number", float: "jsii.Number", str: "builtins.str"}
    if isinstance(value, list):
        return "Sequence" in annotation
    if isinstance(value, dict):
        return "Mapping" in annotation or "Dict" in annotation
    return kinds[type(value)] in annotation


@pytest.mark.parametrize("name", sorted(hcl.load()))
def test_resource_is_as_the_provider_wants_it(name: str) -> None:
    kind = name.partition(".")[0]
    classes = _classes(kind)
    root = next(cls for cls in classes if cls.lower() == _root(kind).lower())
    assert _wrong(kind, hcl.load()[name], root, name) == []


def test_faults_are_found() -> None:
    body = {"name": "x", "lifecycle_rule": [{"action": [{"type": "Delete"}]}], "versionning": True, "location": 3}
    assert _wrong("google_storage_bucket", body, "StorageBucket", "b") == [
        "b.versionning is not known",
        "b.lifecycle_rule.condition is missing",
        "b.location = 3 is not of type builtins.str",
    ]
