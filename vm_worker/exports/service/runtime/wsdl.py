"""The description of the SOAP interface in WSDL 1.1, document/literal. It is the same for every network of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

from vm_worker.exports.service.runtime.kind import Kind
from vm_worker.exports.service.runtime.xml import NAMESPACE

INFO = "ServiceInfo"  # the operation that takes no photo

_WSDL = """<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="{namespace}" targetNamespace="{namespace}" name="Modelmail">
  <wsdl:types>
    <xsd:schema targetNamespace="{namespace}" elementFormDefault="qualified">
      {types}
      <xsd:element name="ServiceInfo"><xsd:complexType><xsd:sequence/></xsd:complexType></xsd:element>
      <xsd:element name="ServiceInfoResponse">
        <xsd:complexType><xsd:sequence>
          <xsd:element name="title" type="xsd:string"/>
          <xsd:element name="inputSize" type="xsd:int"/>
          <xsd:element name="accuracy" type="xsd:double" minOccurs="0"/>
          <xsd:element name="label" type="xsd:string" maxOccurs="unbounded"/>
        </xsd:sequence></xsd:complexType>
      </xsd:element>
      <xsd:element name="Refusal">
        <xsd:complexType><xsd:sequence>
          <xsd:element name="code" type="xsd:string"/>
          <xsd:element name="message" type="xsd:string"/>
        </xsd:sequence></xsd:complexType>
      </xsd:element>
    </xsd:schema>
  </wsdl:types>
  {messages}
  <wsdl:message name="Refused"><wsdl:part name="refusal" element="tns:Refusal"/></wsdl:message>
  <wsdl:portType name="ModelmailPort">
    {port}
  </wsdl:portType>
  <wsdl:binding name="ModelmailBinding" type="tns:ModelmailPort">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    {binding}
  </wsdl:binding>
  <wsdl:service name="Modelmail">
    <wsdl:port name="Modelmail" binding="tns:ModelmailBinding"><soap:address location={address}/></wsdl:port>
  </wsdl:service>
</wsdl:definitions>
"""
_ELEMENTS = """<xsd:element name="{name}">
        <xsd:complexType><xsd:sequence>
          <xsd:element name="image" type="xsd:base64Binary"/>
        </xsd:sequence></xsd:complexType>
      </xsd:element>
      <xsd:element name="{name}Response">
        <xsd:complexType><xsd:sequence>
          {schema}
        </xsd:sequence></xsd:complexType>
      </xsd:element>"""
_MESSAGES = """<wsdl:message name="{name}In"><wsdl:part name="parameters" element="tns:{name}"/></wsdl:message>
  <wsdl:message name="{name}Out"><wsdl:part name="parameters" element="tns:{name}Response"/></wsdl:message>"""
_PORT = """<wsdl:operation name="{name}">
      <wsdl:input message="tns:{name}In"/><wsdl:output message="tns:{name}Out"/>{fault}
    </wsdl:operation>"""
_PORT_FAULT = """
      <wsdl:fault name="Refused" message="tns:Refused"/>"""
_BINDING = """<wsdl:operation name="{name}">
      <soap:operation soapAction="{namespace}/{name}"/>
      <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>{fault}
    </wsdl:operation>"""
_BINDING_FAULT = """
      <wsdl:fault name="Refused"><soap:fault name="Refused" use="literal"/></wsdl:fault>"""


def document(address: str, kind: Kind) -> str:
    """Return the description, with the address that the client used."""
    with_fault: Mapping[str, bool] = {**dict.fromkeys(kind.operations, True), INFO: False}
    elements = [_ELEMENTS.format(name=name, schema=one.schema) for name, one in kind.operations.items()]
    return _WSDL.format(
        namespace=NAMESPACE,
        address=quoteattr(address),
        types="\n      ".join([kind.types, *elements]),
        messages="\n  ".join(_MESSAGES.format(name=name) for name in with_fault),
        port="\n    ".join(
            _PORT.format(name=name, fault=_PORT_FAULT if fault else "") for name, fault in with_fault.items()
        ),
        binding="\n    ".join(
            _BINDING.format(name=name, namespace=NAMESPACE, fault=_BINDING_FAULT if fault else "")
            for name, fault in with_fault.items()
        ),
    )
