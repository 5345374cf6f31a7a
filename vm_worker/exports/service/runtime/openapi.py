"""The description of the REST interface in OpenAPI 3.1."""

from __future__ import annotations

from jobs.json_values import Json, JsonObject
from vm_worker.exports.service.runtime.base64_text import PATTERN
from vm_worker.exports.service.runtime.kind import Kind
from vm_worker.exports.service.runtime.limits import IMAGES


def document(kind: Kind, version: str = "1.0.0") -> JsonObject:
    """Return the whole description. It is the same for every network of a kind."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "modelmail service",
            "version": version,
            "description": kind.does,
        },
        "paths": {
            "/predict": {"post": _predict(kind)},
            "/labels": {"get": _get("labels", "The classes, in the order of the model's answers.", "Labels")},
            "/model": {"get": _get("model", "What is known of the model.", "Model")},
            "/health": {"get": _get("health", "Whether the service answers.", "Health")},
        },
        "components": {"schemas": {**_SCHEMAS, **_of_kind(kind)}},
    }


def _get(name: str, summary: str, schema: str) -> JsonObject:
    return {"operationId": name, "summary": summary, "responses": {"200": _answer(summary, schema)}}


def _answer(description: str, schema: str) -> JsonObject:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _predict(kind: Kind) -> JsonObject:
    photo: Json = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    form: Json = {"type": "object", "properties": {"image": photo}, "required": ["image"]}
    raw: Json = {"schema": {"type": "string", "format": "binary"}}
    kinds = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp")
    answer = _answer("One answer a picture, in their order.", "Predictions")
    if kind.draws:
        answer = {**answer, "content": {**_content(answer), "image/jpeg": raw}}
    return {
        "operationId": "predict",
        "summary": "The answer for one picture or for several.",
        **({"parameters": [_ANNOTATED]} if kind.draws else {}),
        "description": "Where several pictures may come, in a form or in JSON, each has its answer in its place: "
        "a prediction, or an error. A body that is one picture and cannot be read is refused.",
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": {"$ref": "#/components/schemas/Pictures"}},
                **{kind: raw for kind in kinds},
            },
        },
        "responses": {
            "200": answer,
            "400": _answer("The request cannot be read.", "Refusal"),
            "413": _answer("Too many or too large pictures.", "Refusal"),
            "422": _answer("The body is no picture that can be read.", "Refusal"),
            "503": _answer("Too much at a time: come back in a moment.", "Refusal"),
        },
    }


def _content(answer: JsonObject) -> JsonObject:
    content = answer["content"]
    assert isinstance(content, dict)  # noqa: S101  (as `_answer` made it)
    return content


def _of_kind(kind: Kind) -> JsonObject:
    """Return the schemas that differ between kinds of models."""
    predictions: Json = {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}
    together: Json = {
        "type": "object",
        "description": "where several pictures can be read: the answer for all of them",
        "properties": dict(kind.sums),
    }
    return {
        "Predictions": {
            "type": "object",
            "properties": {"predictions": predictions, **({"together": together} if kind.together else {})},
            "required": ["predictions"],
        },
        "Prediction": {
            "type": "object",
            "properties": {"name": {"type": ["string", "null"]}, **kind.prediction, "error": _ERROR},
            "required": ["name"],
        },
        "Model": {
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "input_size": {"type": "integer"},
                "classes": {"type": "integer"},
                **kind.known,
                "made_at": {"type": ["string", "null"]},
                "licence": {"type": ["string", "null"]},
            },
            "required": ["title", "input_size", "classes"],
        },
    }


_BASE64: Json = {"type": "string", "contentEncoding": "base64", "pattern": PATTERN}
_ANNOTATED: Json = {
    "name": "annotated",
    "in": "query",
    "description": "1: answer one picture by the same picture, with the answer drawn on it.",
    "schema": {"type": "integer", "enum": [0, 1], "default": 0},
}
_ERROR: Json = {
    "type": "object",
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["code", "message"],
}
_SCHEMAS: dict[str, Json] = {
    "Pictures": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"image": _BASE64},
                "required": ["image"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {
                    "images": {"type": "array", "items": _BASE64, "minItems": 1, "maxItems": IMAGES},
                },
                "required": ["images"],
                "additionalProperties": False,
            },
        ]
    },
    "Labels": {
        "type": "object",
        "properties": {"labels": {"type": "array", "items": {"type": "string"}}},
        "required": ["labels"],
    },
    "Health": {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]},
    "Refusal": {"type": "object", "properties": {"error": _ERROR}, "required": ["error"]},
}
