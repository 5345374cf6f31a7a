"""The kind of model that names the class of a photo: its answers by REST and SOAP."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from jobs.json_values import Json, JsonObject
from vm_worker.exports.service.runtime.bundle import About, Bundle
from vm_worker.exports.service.runtime.engine import GREY_16_MAX, Engine, Prediction
from vm_worker.exports.service.runtime.kind import Kind, Operation
from vm_worker.exports.service.runtime.pool import Pool
from vm_worker.exports.service.runtime.xml import add

PROBABILITY: Json = {"type": "number", "minimum": 0, "maximum": 1.0001}
LABELLED: Json = {
    "type": "object",
    "properties": {"label": {"type": "string"}, "probability": PROBABILITY},
    "required": ["label", "probability"],
}
# The type that the answer of Predict has for each kind of model, so that clients of one can ask another.
PROBABILITY_TYPE = """<xsd:complexType name="Probability"><xsd:sequence>
        <xsd:element name="label" type="xsd:string"/>
        <xsd:element name="probability" type="xsd:double"/>
      </xsd:sequence></xsd:complexType>"""
PREDICT_SCHEMA = """<xsd:element name="label" type="xsd:string"/>
          <xsd:element name="probability" type="xsd:double"/>
          <xsd:element name="sure" type="xsd:boolean"/>
          <xsd:element name="probabilities" type="tns:Probability" maxOccurs="unbounded"/>"""


def sure(about: About, said: Prediction) -> bool:
    """Return whether the prediction reaches the report's threshold. Without a threshold each one does."""
    return said.probability >= (about.get("threshold") or 0.0)


def shown(pool: Pool, about: About, said: Prediction) -> JsonObject:
    """Return a prediction as JSON; not sure is one that a person should look at."""
    pairs = zip(pool.labels, said.probabilities, strict=True)
    return {
        "label": said.label,
        "probability": said.probability,
        "sure": sure(about, said),
        "probabilities": [{"label": label, "probability": value} for label, value in pairs],
    }


def predict(answer: Element, pool: Pool, about: About, said: Prediction) -> None:
    """Add a prediction to the answer of the operation Predict."""
    add(answer, "label", said.label)
    add(answer, "probability", repr(said.probability))
    add(answer, "sure", "true" if sure(about, said) else "false")
    for label, probability in zip(pool.labels, said.probabilities, strict=True):
        one = add(answer, "probabilities")
        add(one, "label", label)
        add(one, "probability", repr(probability))


def facts(pool: Pool, about: About) -> JsonObject:
    """Return how often the model is right, and the probability from which an answer is sure."""
    return {
        "accuracy": about.get("accuracy"),
        "accuracy_interval": about.get("interval"),
        "threshold": about.get("threshold"),
    }


def _engine(bundle: Bundle, threads: int | None) -> Engine:
    return Engine(bundle.model, bundle.labels, threads, bundle.about.get("grey_white", GREY_16_MAX))


KIND = Kind(
    pool=_engine,
    shown=shown,
    facts=facts,
    operations={"Predict": Operation(PREDICT_SCHEMA, predict)},
    does="A trained image classifier: send a photo, get its class.",
    prediction={
        "label": {"type": "string"},
        "probability": PROBABILITY,
        "sure": {"type": "boolean"},
        "probabilities": {"type": "array", "items": LABELLED},
    },
    known={
        "accuracy": {"type": ["number", "null"]},
        "accuracy_interval": {"type": ["array", "null"], "items": {"type": "number"}},
        "threshold": {"type": ["number", "null"]},
    },
    page=(str(__package__), "page.html"),
    types=PROBABILITY_TYPE,
)
