"""Read a request for a job: JSON, a form or a query become one checked Submission."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote_plus, unquote_to_bytes, urlsplit

import flask
from email_validator import EmailNotValidError, validate_email
from werkzeug.exceptions import RequestEntityTooLarge

from function.slow_bodies import in_time
from jobs.errors import UserError
from jobs.limits import Limits
from jobs.mail.addresses import is_plain
from jobs.options import Options, parse_options

EMAIL_LENGTH = 254  # characters; RFC 5321's limit of a path without its brackets
IPV6_PREFIX = 64  # bits of the network that a customer of a provider usually owns


@dataclass(frozen=True)
class Submission:
    """A checked request for a job."""

    email: str
    options: Options


def parse(request: flask.Request, limits: Limits) -> Submission:
    """Read a `POST /`. Raises UserError `bad_request`, `too_large`, `bad_email` or `bad_option`."""
    query = _as_written(request.args.items(multi=True), request.query_string)
    if "base" in _options(dict(query)):
        raise UserError("bad_option", "base is a secret, and addresses are written down: send it in the body instead.")
    fields = _merged([*query, *_body_fields(request, limits)])
    return Submission(email=_email(fields), options=parse_options(_options(fields), limits))


def check_host(request: flask.Request, public_url: str) -> None:
    """Check that a service on one's own machine is asked by a name of that machine.

    A stranger can point a name of theirs at this machine; a page of that name would count as a page of this service.
    Raises UserError `foreign_page`.
    """
    if _is_loopback(public_url) and not _is_loopback(f"//{request.host}"):
        raise UserError("foreign_page", f"This service is open only at {public_url}.")


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:  # no address, or not even a host
        return False


def check_page(request: flask.Request, public_url: str) -> None:
    """Check that no page of another site has sent the request, as a form can without asking its reader.

    Browsers name the site in Sec-Fetch-Site; older ones only the origin. Raises UserError `foreign_page`.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    ours = {request.host_url.rstrip("/"), public_url.rstrip("/")}
    if (site is None and (origin is None or origin in ours)) or site in ("same-origin", "none"):
        return
    raise UserError("foreign_page", "A page of another site sent this request; open the page of this service instead.")


def read_body(request: flask.Request, limits: Limits) -> bytes:
    """Read the whole body, which later readers get too.

    Raises UserError `too_large`, also for a long query, and `slow_request`.
    """
    # One byte more than allowed: the server cuts a body of unknown length off there, without an error.
    request.max_content_length = limits.request_bytes + 1
    try:
        with in_time(request, limits.request_seconds):
            body = request.get_data(cache=True)
    except RequestEntityTooLarge:
        body = None
    if body is None or max(len(body), len(request.query_string)) > limits.request_bytes:
        raise UserError(
            "too_large",
            f"A request may have {limits.request_bytes} bytes. Send only the email address and options; "
            "the zip goes to the upload link.",
        )
    return body


def check_email(given: object) -> str:
    """Check the address; return it in the form that mail is sent to (an international domain in ASCII).

    Raises UserError `bad_email`, also for an address that programs read differently (jobs/mail/addresses.py).
    """
    if not isinstance(given, str):
        raise UserError("bad_email", "The email address is one text, such as ada@example.org.")
    # The validator refuses these too. The check is repeated here to show that an address cannot add a header to a mail.
    if any(character in given for character in "\r\n\0"):
        raise UserError("bad_email", "An email address has no line breaks.")
    if len(given) > EMAIL_LENGTH:
        raise UserError("bad_email", f"An email address has at most {EMAIL_LENGTH} characters.")
    try:
        found = validate_email(given.strip(" "), strict=True, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise UserError("bad_email", f"That is not one email address. {error}") from error
    address = found.ascii_email or found.normalized
    if not is_plain(address):
        raise UserError(
            "bad_email",
            "Some mail programs would read this as another address. Give one without =?, %, ! or quotes before the @.",
        )
    return address


def allowed(email: str, globs: Iterable[str]) -> bool:
    """Return whether one of the globs matches the address; upper and lower case are equal."""
    return any(fnmatchcase(email.lower(), glob.lower()) for glob in globs)


def client_address(request: flask.Request) -> str:
    """Return the address that counts as one client: an IPv4 address, or the /64 network of an IPv6 address.

    Behind Google's front end it is the last X-Forwarded-For entry. The client itself may have written the earlier ones.
    """
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For"))
    given = forwarded.rpartition(",")[2].strip() or request.remote_addr or ""
    try:
        address = ipaddress.ip_address(_bare(given))
    except ValueError:
        return "unknown"  # one client: a text could be another each time
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))


def _bare(given: str) -> str:
    """Return an address without its port, its zone and zeros before its numbers; some proxies write those."""
    if given.startswith("["):
        given = given[1:].partition("]")[0]
    elif given.count(":") == 1:
        given = given.partition(":")[0]
    given = given.partition("%")[0]
    if "." in given and ":" not in given:
        return ".".join(number.lstrip("0") or "0" for number in given.split("."))
    return given


def _body_fields(request: flask.Request, limits: Limits) -> list[tuple[str, object]]:
    body = read_body(request, limits)
    # A body that looks like JSON is read as JSON: `curl -d '{...}'` sends it as a form.
    if request.is_json or body.lstrip().startswith(b"{"):
        return list(_object(body, "The body").items())
    try:
        if request.files:
            raise UserError("bad_request", "A file came with the request. The zip goes to the upload link instead.")
        return _as_written(request.form.items(multi=True), body if _is_encoded(request) else b"")
    except RequestEntityTooLarge as error:
        raise UserError("too_large", "The form has too many fields.") from error


def _is_encoded(request: flask.Request) -> bool:
    return request.mimetype == "application/x-www-form-urlencoded"


def _as_written(pairs: Iterable[tuple[str, str]], encoded: bytes) -> list[tuple[str, object]]:
    """Return the pairs of a form or query, with each `+` of an address as it was written.

    In this encoding `+` is a space, and a plus is `%2B`; but who types `-d email=ada+cats@example.org` means a plus.
    Around an address it stays a space, as no address begins or ends with a plus. `encoded` is what was sent; empty:
    in another encoding, which has no such rule.
    """
    sent = (part.partition(b"=") for part in encoded.split(b"&"))
    addresses = (value.strip(b"+") for name, _, value in sent if unquote_plus(name.decode("latin-1")) == "email")
    written = (unquote_to_bytes(address).decode(errors="replace") for address in addresses)
    return [(name, next(written, value) if name == "email" else value) for name, value in pairs]


def _merged(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            code = "bad_email" if name == "email" else "bad_option"
            raise UserError(code, f"{name[:40]!r} is given twice.")
        fields[name] = value
    return fields


def _email(fields: Mapping[str, object]) -> str:
    if "email" not in fields:
        raise UserError("bad_email", "The email address is missing: send it as JSON, as a form or as ?email=.")
    return check_email(fields["email"])


def _options(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the options: they come as separate fields (minutes=2), or together in `options`, or both."""
    flat = [(name, value) for name, value in fields.items() if name not in ("email", "options")]
    return _merged([*flat, *_object(fields.get("options"), "options").items()])


def _object(given: object, what: str) -> dict[str, object]:
    if isinstance(given, str | bytes):
        given = _json(given, what) if given.strip() else None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise UserError("bad_request", f"{what} is not a JSON object.")
    return given


def _json(text: str | bytes, what: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_merged)
    except (ValueError, RecursionError) as error:
        raise UserError("bad_request", f"{what} is not JSON.") from error
