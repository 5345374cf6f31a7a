"""What axe-core finds wrong with a page, in light and in dark. It is fetched from npm once, and not committed."""

from __future__ import annotations

from functools import cache

import pytest
from playwright.sync_api import Page

from infra import browser_runtime
from infra.npm import NpmError, Package, members

AXE = Package(
    "axe-core",
    "4.10.3",
    "Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg==",
)
FOUND = """async (options) => (await axe.run(document, options)).violations
  .map((rule) => `${rule.id}: ${rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`)"""
ALL: dict[str, object] = {"resultTypes": ["violations"]}
COLOURS: dict[str, object] = {**ALL, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def faults(page: Page) -> list[str]:
    """Return the rules that the page breaks, WCAG 2.2 AA and axe's best practices, with elements that break them.

    All folded parts are open meanwhile.
    """
    page.evaluate(_axe())
    page.eval_on_selector_all("details", "all => all.forEach(one => (one.open = true))")
    found = []
    for scheme, options in (("light", ALL), ("dark", COLOURS)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found += [f"{scheme}: {one}" for one in page.evaluate(FOUND, options)]
    page.emulate_media(color_scheme=None)
    return found


@cache
def _axe() -> str:
    try:
        return members(AXE, browser_runtime.ARCHIVES)["axe.min.js"].decode()
    except NpmError as error:
        pytest.skip(str(error))
