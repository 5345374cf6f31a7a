"""The tab that the other tests share: what one of them leaves behind, no other one finds."""

from __future__ import annotations

from tests.browser.conftest import DESKTOP, PHONE, Tab

LEAVE = """() => {
  localStorage.a = sessionStorage.b = document.cookie = "c=1";
  addEventListener("beforeunload", (event) => event.preventDefault());
}"""
FOUND = "() => [localStorage.length, sessionStorage.length, document.cookie, innerWidth, innerHeight]"


def test_a_tab_is_as_new_for_each_test(tab: Tab) -> None:
    page = tab.opened()
    page.goto("/")
    page.evaluate(LEAVE)
    page.route("**", lambda route: route.abort())
    page.set_viewport_size(PHONE)
    with page.expect_event("pageerror"):
        page.evaluate("() => void setTimeout(() => { throw new Error('wrong'); })")
    assert tab.errors == ["wrong"]
    page.context.set_offline(True)
    tab.left(as_new=True)
    page = tab.opened()
    assert page.url == "about:blank"
    page.goto("/")
    assert page.evaluate(FOUND) == [0, 0, "", DESKTOP["width"], DESKTOP["height"]]
    assert (tab.errors, tab.dialogs) == ([], [])
    tab.left(as_new=True)


def test_a_tab_that_a_test_has_spoiled_is_given_up(tab: Tab) -> None:
    spoiled = tab.opened()
    tab.left(as_new=False)
    assert spoiled.is_closed() and not tab.opened().is_closed()
    tab.left(as_new=True)
