"""SOAP 1.1, document/literal, with the standard library: no maintained server library runs on today's Python versions.

W3C Note "SOAP 1.1" of May 2000, sections 4 (envelope) and 4.4 (fault). By its HTTP binding, section 6, every fault has
status 500. Documents with a DTD are refused before anything in them is expanded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from starlette.requests import Request
from starlette.responses import Response

from vm_worker.exports.service.runtime import wsdl
from vm_worker.exports.service.runtime.base64_text import decoded
from vm_worker.exports.service.runtime.bodies import Refused, received
from vm_worker.exports.service.runtime.kind import Served
from vm_worker.exports.service.runtime.limits import MARKUP, XML_BYTES
from vm_worker.exports.service.runtime.rest import aside, check_work, facts, predicted
from vm_worker.exports.service.runtime.wsdl import INFO
from vm_worker.exports.service.runtime.xml import NAMESPACE, Element, add, ours
from vm_worker.intake.images import BadImage

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
TYPE = "text/xml; charset=utf-8"
ENCODINGS = ("utf-8", "utf-16", "utf-16le", "utf-16be", "iso-8859-1", "us-ascii")  # those in which a mark is a byte
DEPTH = 32  # depth of nested elements; a request needs five

ElementTree.register_namespace("soap", ENVELOPE)
ElementTree.register_namespace("mm", NAMESPACE)


class Fault(Exception):
    """A SOAP fault; `who` is "Client" or "Server"."""

    def __init__(self, who: str, code: str, message: str) -> None:
        super().__init__(message)
        self.who, self.code, self.message = who, code, message


async def describe(request: Request) -> Response:
    """Answer `GET /soap?wsdl`. Without `wsdl`, the answer tells the address of the description."""
    if "wsdl" not in {name.lower() for name in request.query_params}:
        return Response("The description is at /soap?wsdl.\n", 405, {"Allow": "POST"}, "text/plain")
    served: Served = request.app.state.served
    return Response(wsdl.document(f"{request.base_url}soap", served.kind), media_type=TYPE)


async def call(request: Request) -> Response:
    """Answer `POST /soap`."""
    try:
        async with received(request, XML_BYTES) as body:
            served: Served = request.app.state.served
            operation = await aside(request, body, _operation)
            name = _name(operation, (*served.kind.operations, INFO))
            answer = _info(served) if name == INFO else await _asked(name, operation, request)
        return _envelope(answer, 200)
    except Refused as error:
        return _fault(Fault("Client" if error.status < 500 else "Server", error.code, error.message))
    except Fault as fault:
        return _fault(fault)


def failed() -> Response:
    """Answer a request that failed by a fault of this program."""
    return _fault(Fault("Server", "internal", "The service failed."))


def parsed(data: bytes) -> Element:
    """Return the root element.

    Raises Fault for text that is not XML, for a document with a DTD, and for one of so many elements or attributes that
    their objects would need many times its memory. The marks are counted before the parser sees them: it holds all
    attributes of an element before it tells of any.
    """
    _check_marks(data)
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH:
            raise Fault("Client", "bad_request", "The envelope is nested too deeply.")
        builder.start(_clark(name), {_clark(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_clark(name))

    parser.XmlDeclHandler = _check_encoding
    parser.buffer_text = True  # one call for many lines of base64
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as error:
        raise Fault("Client", "bad_request", "The body is not XML.") from error


def _check_marks(data: bytes) -> None:
    if max(data.count(b"<"), data.count(b"=")) > MARKUP:
        raise Fault("Client", "bad_request", f"An envelope may have {MARKUP} tags and attributes.")


def _check_encoding(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.lower() not in ENCODINGS:
        raise Fault("Client", "bad_request", f"The envelope's encoding is none of {', '.join(ENCODINGS)}.")


def _refuse(*_: Any) -> int:
    raise Fault("Client", "bad_request", "A document type definition is not allowed.")


def _clark(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _operation(data: bytes) -> Element:
    """Return the one element in the body of the envelope. Raises Fault."""
    root = parsed(data)
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        raise Fault("Client", "bad_request", "The document is not a SOAP 1.1 envelope.")
    _check_headers(root)
    bodies = root.findall(f"{{{ENVELOPE}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise Fault("Client", "bad_request", "An envelope has one body, which holds one operation.")
    (body,) = bodies
    return body[0]


def _name(operation: Element, known: Sequence[str]) -> str:
    """Return the operation's name. Raises Fault for an unknown one."""
    for name in known:
        if operation.tag == ours(name):
            return name
    told = f"{', '.join(known[:-1])} and {known[-1]}"
    raise Fault("Client", "unknown_operation", f"There are the operations {told}.")


def _check_headers(root: Element) -> None:
    """Raise Fault for a header that must be understood and is not known (section 4.2.3)."""
    header = root.find(f"{{{ENVELOPE}}}Header")
    for one in header if header is not None else ():
        if one.get(f"{{{ENVELOPE}}}mustUnderstand") == "1":
            raise Fault("MustUnderstand", "bad_request", "A header must be understood that is not known here.")


async def _asked(name: str, operation: Element, request: Request) -> Element:
    """Answer an operation that takes a photo."""
    served: Served = request.app.state.served
    given = operation.find(ours("image"))
    if given is None or not (given.text or "").strip():
        raise Fault("Client", "no_image", f"{name} holds an image, base64.")
    try:
        data = await aside(request, given.text or "", decoded)
    except ValueError as error:
        raise Fault("Client", "bad_request", "The image is not base64.") from error
    await check_work(request, [data])
    try:
        said = await predicted(request, data)
    except BadImage as error:
        raise Fault("Client", "bad_image", f"The picture {error}.") from error
    answer = Element(ours(f"{name}Response"))
    served.kind.operations[name].answer(answer, served.pool, served.about, said)
    return answer


def _info(served: Served) -> Element:
    known = facts(served)
    answer = Element(ours("ServiceInfoResponse"))
    add(answer, "title", str(known["title"]))
    add(answer, "inputSize", str(known["input_size"]))
    if isinstance(accuracy := known.get("accuracy"), int | float):
        add(answer, "accuracy", repr(float(accuracy)))
    for label in served.pool.labels:
        add(answer, "label", label)
    return answer


def _fault(fault: Fault) -> Response:
    answer = Element(f"{{{ENVELOPE}}}Fault")
    ElementTree.SubElement(answer, "faultcode").text = f"soap:{fault.who}"
    ElementTree.SubElement(answer, "faultstring").text = fault.message
    refusal = ElementTree.SubElement(ElementTree.SubElement(answer, "detail"), ours("Refusal"))
    add(refusal, "code", fault.code)
    add(refusal, "message", fault.message)
    return _envelope(answer, 500)


def _envelope(content: Element, status: int) -> Response:
    root = Element(f"{{{ENVELOPE}}}Envelope")
    ElementTree.SubElement(root, f"{{{ENVELOPE}}}Body").append(content)
    data = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Response(data, status, media_type=TYPE)
