"""The description of the SOAP interface in WSDL 1.1, document/literal. It is the same for every network."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

NAMESPACE = "urn:modelmail:service:1"

_WSDL = """<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="{namespace}" targetNamespace="{namespace}" name="Modelmail">
  <wsdl:types>
    <xsd:schema targetNamespace="{namespace}" elementFormDefault="qualified">
      <xsd:element name="Predict">
        <xsd:complexType><xsd:sequence>
          <xsd:element name="image" type="xsd:base64Binary"/>
        </xsd:sequence></xsd:complexType>
      </xsd:element>
      <xsd:complexType name="Probability"><xsd:sequence>
        <xsd:element name="label" type="xsd:string"/>
        <xsd:element name="probability" type="xsd:double"/>
      </xsd:sequence></xsd:complexType>
      <xsd:element name="PredictResponse">
        <xsd:complexType><xsd:sequence>
          <xsd:element name="label" type="xsd:string"/>
          <xsd:element name="probability" type="xsd:double"/>
          <xsd:element name="sure" type="xsd:boolean"/>
          <xsd:element name="probabilities" type="tns:Probability" maxOccurs="unbounded"/>
        </xsd:sequence></xsd:complexType>
      </xsd:element>
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
  <wsdl:message name="PredictIn"><wsdl:part name="parameters" element="tns:Predict"/></wsdl:message>
  <wsdl:message name="PredictOut"><wsdl:part name="parameters" element="tns:PredictResponse"/></wsdl:message>
  <wsdl:message name="ServiceInfoIn"><wsdl:part name="parameters" element="tns:ServiceInfo"/></wsdl:message>
  <wsdl:message name="ServiceInfoOut"><wsdl:part name="parameters" element="tns:ServiceInfoResponse"/></wsdl:message>
  <wsdl:message name="Refused"><wsdl:part name="refusal" element="tns:Refusal"/></wsdl:message>
  <wsdl:portType name="ModelmailPort">
    <wsdl:operation name="Predict">
      <wsdl:input message="tns:PredictIn"/><wsdl:output message="tns:PredictOut"/>
      <wsdl:fault name="Refused" message="tns:Refused"/>
    </wsdl:operation>
    <wsdl:operation name="ServiceInfo">
      <wsdl:input message="tns:ServiceInfoIn"/><wsdl:output message="tns:ServiceInfoOut"/>
    </wsdl:operation>
  </wsdl:portType>
  <wsdl:binding name="ModelmailBinding" type="tns:ModelmailPort">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Predict">
      <soap:operation soapAction="{namespace}/Predict"/>
      <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
      <wsdl:fault name="Refused"><soap:fault name="Refused" use="literal"/></wsdl:fault>
    </wsdl:operation>
    <wsdl:operation name="ServiceInfo">
      <soap:operation soapAction="{namespace}/ServiceInfo"/>
      <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
    </wsdl:operation>
  </wsdl:binding>
  <wsdl:service name="Modelmail">
    <wsdl:port name="Modelmail" binding="tns:ModelmailBinding"><soap:address location={address}/></wsdl:port>
  </wsdl:service>
</wsdl:definitions>
"""


def document(address: str) -> str:
    """Return the description, with the address that the client used."""
    return _WSDL.format(namespace=NAMESPACE, address=quoteattr(address))
