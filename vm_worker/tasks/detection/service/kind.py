"""The kind of model that finds and counts objects: its answers by REST and SOAP."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from jobs.json_values import Json, JsonObject
from vm_worker.exports.service.runtime import classifier
from vm_worker.exports.service.runtime.bundle import About, Bundle
from vm_worker.exports.service.runtime.engine import Prediction
from vm_worker.exports.service.runtime.kind import Kind, Operation
from vm_worker.exports.service.runtime.pool import Pool
from vm_worker.exports.service.runtime.xml import add
from vm_worker.tasks.detection.engine.bounds import Interval
from vm_worker.tasks.detection.engine.certainty import Bounds
from vm_worker.tasks.detection.engine.outlines import polygons
from vm_worker.tasks.detection.service.pool import Detector, Found

TYPES = """<xsd:complexType name="ClassCount"><xsd:sequence>
        <xsd:element name="label" type="xsd:string"/>
        <xsd:element name="count" type="xsd:int"/>
      </xsd:sequence></xsd:complexType>
      <xsd:complexType name="Box"><xsd:sequence>
        <xsd:element name="label" type="xsd:string"/>
        <xsd:element name="score" type="xsd:double"/>
        <xsd:element name="left" type="xsd:double"/>
        <xsd:element name="top" type="xsd:double"/>
        <xsd:element name="right" type="xsd:double"/>
        <xsd:element name="bottom" type="xsd:double"/>
      </xsd:sequence></xsd:complexType>"""
COUNT_SCHEMA = """<xsd:element name="count" type="xsd:int"/>
          <xsd:element name="counts" type="tns:ClassCount" maxOccurs="unbounded"/>
          <xsd:element name="low" type="xsd:int" minOccurs="0"/>
          <xsd:element name="high" type="xsd:int" minOccurs="0"/>
          <xsd:element name="share" type="xsd:double" minOccurs="0"/>"""
DETECT_SCHEMA = f"""{COUNT_SCHEMA}
          <xsd:element name="width" type="xsd:int"/>
          <xsd:element name="height" type="xsd:int"/>
          <xsd:element name="boxes" type="tns:Box" minOccurs="0" maxOccurs="unbounded"/>"""
BOX: Json = {
    "type": "object",
    "properties": {
        "class": {"type": "string"},
        "score": {"type": "number", "minimum": 0, "maximum": 1.0001},
        "box": {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 4,
            "description": "left, top, right and bottom in pixels of the photo turned upright",
        },
        "outline": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number"}},
            "description": "points x, y around the object, where the model draws outlines",
        },
    },
    "required": ["class", "score", "box"],
}
INTERVAL: Json = {
    "type": ["object", "null"],
    "description": "the numbers between which the true one should lie, both included, in a share of cases",
    "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}, "share": {"type": "number"}},
    "required": ["low", "high", "share"],
}
NUMBER: Json = {"type": ["number", "null"]}
COUNTS: dict[str, Json] = {
    "count": {"type": "integer", "minimum": 0},
    "interval": INTERVAL,
    "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    "intervals": {"type": "object", "additionalProperties": INTERVAL},
}


def _counts(pool: Pool, found: Found) -> dict[str, int]:
    return dict(zip(pool.labels, found.boxes.counts(len(pool.labels)), strict=True))


def _bounds(pool: Pool, bounds: Bounds) -> JsonObject:
    """Return the intervals of a count, of all objects and by class."""
    classes = zip(pool.labels, map(_interval, bounds.classes), strict=True)
    return {"interval": _interval(bounds.every), "intervals": dict(classes)}


def _interval(interval: Interval | None) -> Json:
    return interval.to_json() if interval else None


def _shown_boxes(pool: Pool, found: Found) -> list[Json]:
    rows = zip(_boxes(pool, found), polygons(found.boxes), strict=True)
    return [
        {"class": label, "score": score, "box": [*box], **({"outline": [*outline]} if outline else {})}
        for (label, score, box), outline in rows
    ]


def _boxes(pool: Pool, found: Found) -> list[tuple[str, float, list[float]]]:
    boxes = found.boxes
    rows = zip(boxes.classes.tolist(), boxes.scores.tolist(), boxes.xyxy.tolist(), strict=True)
    return [(pool.labels[kind], round(score, 4), [round(side, 1) for side in box]) for kind, score, box in rows]


def shown(pool: Pool, about: About, found: Found) -> JsonObject:
    """Return the boxes and counts of a photo as JSON."""
    return {
        "count": len(found.boxes),
        "counts": _counts(pool, found),
        **_bounds(pool, found.bounds),
        "width": found.width,
        "height": found.height,
        "boxes": _shown_boxes(pool, found),
    }


def together(pool: Pool, found: Sequence[Found]) -> JsonObject:
    """Return the counts of several photos as one answer: sums, and the numbers between which these should lie."""
    assert isinstance(pool, Detector)  # noqa: S101  (as KIND makes it)
    classes = len(pool.labels)
    rows = [one.boxes.counts(classes) for one in found]
    sums = [sum(numbers) for numbers in zip(*rows, strict=True)]
    return {
        "photos": len(rows),
        "count": sum(sums),
        "counts": dict(zip(pool.labels, sums, strict=True)),
        **_bounds(pool, pool.certainty.together(rows, classes)),
    }


def count(answer: Element, pool: Pool, about: About, found: Found) -> None:
    """Add the counts to the answer of the operation Count."""
    add(answer, "count", str(len(found.boxes)))
    for label, number in _counts(pool, found).items():
        one = add(answer, "counts")
        add(one, "label", label)
        add(one, "count", str(number))
    if interval := found.bounds.every:
        add(answer, "low", str(interval.low))
        add(answer, "high", str(interval.high))
        add(answer, "share", repr(interval.share))


def detect(answer: Element, pool: Pool, about: About, found: Found) -> None:
    """Add counts and boxes to the answer of the operation Detect."""
    count(answer, pool, about, found)
    add(answer, "width", str(found.width))
    add(answer, "height", str(found.height))
    for label, score, box in _boxes(pool, found):
        one = add(answer, "boxes")
        add(one, "label", label)
        add(one, "score", repr(score))
        for name, side in zip(("left", "top", "right", "bottom"), box, strict=True):
            add(one, name, repr(side))


def predict(answer: Element, pool: Pool, about: About, found: Found) -> None:
    """Add the most certain object's class to the answer of Predict, and the score of each class's most certain one.

    So a client that was written for classifiers asks a detector what a photo shows. Not sure: nothing is counted.
    """
    best = max(range(len(found.best)), key=found.best.__getitem__)
    said = Prediction(pool.labels[best], found.best[best], found.best)
    threshold = pool.settings.decoding.threshold if isinstance(pool, Detector) else None
    classifier.predict(answer, pool, {**about, "threshold": threshold}, said)


def facts(pool: Pool, about: About) -> JsonObject:
    """Return how right the counts are, and the settings that decide what is counted."""
    assert isinstance(pool, Detector)  # noqa: S101  (as KIND makes it)
    settings = pool.settings
    return {
        "count_error": about.get("count_error"),
        "labelled": about.get("labelled"),
        "found": about.get("found"),
        "threshold": settings.decoding.threshold,
        "overlap": settings.decoding.overlap,
        "tile": settings.tiling.side,
    }


def _detector(bundle: Bundle, threads: int | None) -> Detector:
    return Detector(bundle, threads)


KIND = Kind(
    pool=_detector,
    shown=shown,
    facts=facts,
    operations={
        "Predict": Operation(classifier.PREDICT_SCHEMA, predict),
        "Count": Operation(COUNT_SCHEMA, count),
        "Detect": Operation(DETECT_SCHEMA, detect),
    },
    does="A trained detector: send a photo, get its objects and their number.",
    prediction={
        **COUNTS,
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "boxes": {"type": "array", "items": BOX},
    },
    known={
        "count_error": NUMBER,
        "labelled": {"type": ["integer", "null"]},
        "found": {"type": ["integer", "null"]},
        "threshold": {"type": "number"},
        "overlap": {"type": "number"},
        "tile": {"type": "integer"},
    },
    page=("vm_worker.tasks.detection.service", "page.html"),
    types=f"{classifier.PROBABILITY_TYPE}\n      {TYPES}",
    draws=True,
    together=together,
    sums={"photos": {"type": "integer"}, **COUNTS},
)
