"""Refuse requests that web pages may not make.

A browser sends simple requests of any page to any address, this machine's too, before it asks whether it may. The
callers of the JSON API are trusted, so a request of a page must be refused here, unless the page was served by this
server, or a CORS rule of the bucket names its origin and the method.

Signed links, signed forms and objects that are open to everybody are not affected: they carry their permission.
"""

from __future__ import annotations

from infra.emulator.browsers import cors
from infra.emulator.protocol.errors import ACCESS_DENIED, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.store.index import Index

_OURS = ("same-origin", "none")  # values of Sec-Fetch-Site: a page of this server, or no page at all
_READS = ("GET", "HEAD")


def check_page(request: Request, index: Index, bucket: str = "") -> None:
    """Check that no page of another origin has sent the request, unless a rule of the bucket allows it.

    Raises ApiError 403.
    """
    if not is_foreign(request) or _only_shown(request) or _begins_for_page(request):
        return
    if cors.allows(index, bucket, request):
        return
    details = "A web page sent this request, and no CORS rule of the bucket allows its origin and the method."
    raise ApiError(ACCESS_DENIED, details)


def is_foreign(request: Request) -> bool:
    """Tell whether a page of another origin has sent the request."""
    site, origin = request.header("sec-fetch-site"), request.header("origin")
    if site:
        return site not in _OURS
    return bool(origin) and origin.lower() not in (f"http://{request.host}", f"https://{request.host}")


def _only_shown(request: Request) -> bool:
    """Tell whether the browser shows the answer to its user and keeps it from the page."""
    if request.method not in _READS:
        return False
    if request.header("sec-fetch-mode") == "navigate":
        return request.header("sec-fetch-dest") == "document"
    # An image on a page of this machine, for example. A page that reads answers is known by its Origin.
    return request.header("sec-fetch-site") == "same-site" and not request.header("origin")


def _begins_for_page(request: Request) -> bool:
    """Tell whether a program begins a resumable upload that a page will continue.

    Clients then send the page's origin. A page itself cannot send this type of content before it has asked.
    """
    if request.header("sec-fetch-site") or request.params.get("uploadType") != "resumable":
        return False
    return request.method == "POST" and request.header("content-type").startswith("application/json")
