"""The SOAP interface by zeep over the real wire, and hostile envelopes."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import httpx
import pytest
import zeep

from tests.unit.service.conftest import LABELS, photo, served
from vm_worker.exports.service.runtime.engine import Engine
from vm_worker.exports.service.runtime.soap import ENVELOPE, Fault, parsed
from vm_worker.exports.service.runtime.xml import NAMESPACE


@pytest.fixture(scope="module")
def service(url: str) -> Iterator[zeep.Client]:
    """A client that knows nothing but the description."""
    with zeep.Client(f"{url}/soap?wsdl") as client:
        yield client


def test_zeep_predicts_by_the_description_alone(service: zeep.Client) -> None:
    answer = service.service.Predict(image=photo(250))
    assert answer.label == LABELS[1] and answer.probability > 0.99
    assert [one.label for one in answer.probabilities] == list(LABELS)
    assert answer.sure is True


def test_zeep_asks_what_the_service_is(service: zeep.Client) -> None:
    answer = service.service.ServiceInfo()
    assert (answer.title, answer.inputSize, answer.accuracy, answer.label) == ("Small", 8, 0.9, list(LABELS))


def test_a_bad_picture_is_a_fault_with_its_code(service: zeep.Client) -> None:
    with pytest.raises(zeep.exceptions.Fault) as caught:
        service.service.Predict(image=b"no photo")
    assert caught.value.code == "soap:Client" and "not a JPEG" in caught.value.message
    assert caught.value.detail.findtext(f"{{{NAMESPACE}}}Refusal/{{{NAMESPACE}}}code") == "bad_image"


def _envelope(body: str, header: str = "", start: str = "") -> str:
    return f'{start}<s:Envelope xmlns:s="{ENVELOPE}" xmlns:m="{NAMESPACE}">{header}<s:Body>{body}</s:Body></s:Envelope>'


INFO = "<m:ServiceInfo/>"
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_request"),
        ("<", "bad_request"),
        ("<a/>", "bad_request"),
        (_envelope(""), "bad_request"),
        (_envelope(INFO + INFO), "bad_request"),
        (_envelope("<m:Nothing/>"), "unknown_operation"),
        (_envelope("<Predict/>"), "unknown_operation"),
        (_envelope("<m:Predict/>"), "no_image"),
        (_envelope("<m:Predict><m:image> </m:image></m:Predict>"), "no_image"),
        (_envelope("<m:Predict><m:image>%%%</m:image></m:Predict>"), "bad_request"),
        (_envelope(INFO, start=BOMB), "bad_request"),
        (_envelope(INFO, start='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "bad_request"),
        (_envelope(INFO, start='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), "bad_request"),
        (_envelope("<m:Predict>" + "<a>" * 100 + "</a>" * 100 + "</m:Predict>"), "bad_request"),
        (_envelope(INFO).replace("UTF-8", "x") + "\x00", "bad_request"),
        ('<?xml version="1.0" encoding="nothing"?><a/>', "bad_request"),
        (_envelope(INFO).replace("</s:Envelope>", f"<s:Body>{INFO}</s:Body></s:Envelope>"), "bad_request"),
        (_envelope("<m:Predict>" + "<a/>" * 1000 + "</m:Predict>"), "bad_request"),
        (_envelope("<m:Predict " + " ".join(f'a{n}="x"' for n in range(1000)) + "/>"), "bad_request"),
    ],
)
def test_a_wrong_envelope_is_a_fault(client: httpx.Client, text: str, code: str) -> None:
    began = time.monotonic()
    answer = client.post("/soap", content=text, headers={"content-type": "text/xml"})
    assert answer.status_code == 500 and f"<mm:code>{code}</mm:code>" in answer.text
    assert "<faultcode>soap:Client</faultcode>" in answer.text and "root:" not in answer.text
    assert time.monotonic() - began < 30  # nothing was expanded


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp037"])
def test_an_encoding_hides_no_entities(client: httpx.Client, encoding: str) -> None:
    answer = client.post("/soap", content=_envelope(INFO, start=BOMB).encode(encoding))
    assert answer.status_code == 500 and "<mm:code>bad_request</mm:code>" in answer.text


@pytest.mark.parametrize("encoding", ["cp037", "cp500", "utf-7", "nothing"])
def test_markup_cannot_hide_in_an_encoding_of_its_own(client: httpx.Client, encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + b"\x4c" * 5000
    answer = client.post("/soap", content=body)
    assert answer.status_code == 500 and "encoding" in answer.text


def test_elements_cost_no_time(client: httpx.Client) -> None:
    many = _envelope("<m:Predict>" + "<a/>" * 2_000_000 + "</m:Predict>").encode()
    began = time.process_time()
    with pytest.raises(Fault, match="1000 tags"):
        parsed(many)
    assert time.process_time() - began < 0.5


def test_a_label_that_xml_cannot_hold_is_replaced(tflite: bytes) -> None:
    labels = ("\ufffe\uffff\x00\x0b", "\ud800 \U0001f408\t\ue000", "fine")
    with served(Engine(tflite, labels, 1), {}) as url, zeep.Client(f"{url}/soap?wsdl") as client:
        assert client.service.ServiceInfo().label == ["\ufffd" * 4, "\ufffd \U0001f408\t\ue000", "fine"]


def test_an_envelope_in_utf_16_is_answered(client: httpx.Client) -> None:
    assert client.post("/soap", content=_envelope(INFO).encode("utf-16")).status_code == 200


def test_a_header_that_must_be_understood_is_not_passed_over(client: httpx.Client) -> None:
    header = '<s:Header><x s:mustUnderstand="1"/></s:Header>'
    answer = client.post("/soap", content=_envelope(INFO, header))
    assert "<faultcode>soap:MustUnderstand</faultcode>" in answer.text
    other = client.post("/soap", content=_envelope(INFO, "<s:Header><x/></s:Header>"))
    assert other.status_code == 200


def test_an_unsure_answer_says_so(engine: Engine) -> None:
    data = base64.urlsafe_b64encode(photo(128)).decode().rstrip("=")
    with served(engine, {"threshold": 0.99}) as url:
        answer = httpx.post(
            f"{url}/soap", content=_envelope(f"<m:Predict><m:image>{data}</m:image></m:Predict>"), trust_env=False
        )
    assert "<mm:sure>false</mm:sure>" in answer.text


def test_line_breaks_in_base64_are_allowed(client: httpx.Client) -> None:
    data = base64.encodebytes(photo(5)).decode()
    answer = client.post("/soap", content=_envelope(f"<m:Predict><m:image>\n{data}</m:image></m:Predict>"))
    assert answer.status_code == 200 and "<mm:label>dark</mm:label>" in answer.text


def test_the_description_is_asked_for_by_name(client: httpx.Client) -> None:
    assert client.get("/soap?wsdl").status_code == client.get("/soap?WSDL").status_code == 200
    assert client.get("/soap").status_code == 405


def test_names_that_xml_does_not_have_are_replaced(tflite: bytes) -> None:
    odd = Engine(tflite, ("a\x00b", "<&>", "\ud800"), 1)
    with served(odd, {}) as url:
        answer = httpx.post(f"{url}/soap", content=_envelope(INFO), trust_env=False)
    assert answer.status_code == 200
    assert "<mm:label>a\ufffdb</mm:label><mm:label>&lt;&amp;&gt;</mm:label><mm:label>\ufffd</mm:label>" in answer.text
