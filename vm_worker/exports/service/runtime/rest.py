"""The REST interface: photos as multipart, raw bytes or JSON; errors as JSON with a code."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar, final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vm_worker.exports.service.runtime.bodies import Refused, received
from vm_worker.exports.service.runtime.bundle import About
from vm_worker.exports.service.runtime.engine import BadImage, Engine, Prediction
from vm_worker.exports.service.runtime.limits import BODY_BYTES, IMAGES, Patience

Read = TypeVar("Read")


class Probability(TypedDict):
    """How sure the model is of one class."""

    label: str
    probability: float


class Shown(TypedDict):
    """A prediction as JSON."""

    label: str
    probability: float
    probabilities: list[Probability]  # of every class


class Problem(TypedDict):
    """Why there is no prediction."""

    code: str
    message: str


@final
class NamedPrediction(Shown):
    """The prediction for one photo."""

    name: str | None  # the file's, where it has one


@final
class NamedProblem(TypedDict):
    """Why there is no prediction for one photo."""

    name: str | None
    error: Problem


AnswerOfPhoto = NamedPrediction | NamedProblem


class Facts(TypedDict):
    """What is known of the model."""

    title: str
    input_size: int  # pixels
    classes: int
    accuracy: float | None
    accuracy_interval: Sequence[float] | None
    made_at: str | None
    licence: str | None


FORM, JSON = "multipart/form-data", "application/json"


async def predict(request: Request) -> Response:
    """`POST /predict`."""
    kind = _kind(request)
    async with received(request, BODY_BYTES) as body:
        answers = await _answers(request, await _photos(request, kind, body))
    # Where several pictures may come, each has its answer in its place; a body that is none is a bad request.
    if kind not in (FORM, JSON) and "error" in answers[0]:
        raise Refused(422, "bad_image", answers[0]["error"]["message"])
    return JSONResponse({"predictions": answers})


async def _answers(request: Request, photos: Sequence[tuple[str | None, bytes]]) -> list[AnswerOfPhoto]:
    """The answers in the photos' order.

    No more photos wait for the model at a time than it works on: those of other requests come in between.
    """
    turns = asyncio.Semaphore(request.app.state.engine.threads)

    async def in_turn(name: str | None, data: bytes) -> AnswerOfPhoto:
        async with turns:
            return await _answer(request, name, data)

    return await asyncio.gather(*(in_turn(name, data) for name, data in photos))


async def _answer(request: Request, name: str | None, data: bytes) -> AnswerOfPhoto:
    try:
        said = await predicted(request, data)
        return {"name": name, **shown(request.app.state.engine.labels, said)}
    except BadImage as error:
        return {"name": name, "error": {"code": "bad_image", "message": f"The picture {error}."}}


async def predicted(request: Request, data: bytes) -> Prediction:
    """What the model says, in turn. Raises BadImage."""
    engine: Engine = request.app.state.engine
    return await asyncio.wrap_future(engine.submit(data))


def shown(labels: Sequence[str], said: Prediction) -> Shown:
    """A prediction as JSON."""
    pairs = zip(labels, said.probabilities, strict=True)
    probabilities: list[Probability] = [{"label": label, "probability": value} for label, value in pairs]
    return {"label": said.label, "probability": said.probability, "probabilities": probabilities}


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _photos(request: Request, kind: str, body: bytes) -> list[tuple[str | None, bytes]]:
    """The names and bytes of the photos in a body. Raises Refused."""
    if kind == FORM:
        photos = await _multipart(request)
    elif kind == JSON:
        photos = await aside(request, body, _json)
    else:
        photos = [(None, body)]
    if not photos or not all(data for _, data in photos):
        raise Refused(400, "no_image", "Send a picture: as the body, as a multipart file, or as base64 in JSON.")
    if len(photos) > IMAGES:
        raise Refused(413, "too_many", f"At most {IMAGES} pictures go into one request.")
    return photos


async def aside(request: Request, given: bytes | str, read: Callable[[Any], Read]) -> Read:
    """Read what was given: here, or in a thread where it is large, so that others are answered meanwhile."""
    patience: Patience = request.app.state.patience
    return await run_in_threadpool(read, given) if len(given) > patience.large_bytes else read(given)


async def _multipart(request: Request) -> list[tuple[str | None, bytes]]:
    try:
        async with request.form(max_files=IMAGES + 1, max_fields=IMAGES) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            return [(file.filename, await file.read()) for file in files]
    except (MultiPartException, ValueError, KeyError) as error:
        raise Refused(400, "bad_request", f"The multipart body cannot be read: {error}") from error
    except Exception as error:  # Starlette wraps the parser's errors in its own
        raise Refused(400, "bad_request", "The multipart body cannot be read.") from error


def _json(body: bytes) -> list[tuple[str | None, bytes]]:
    """The photos in a body {"image": base64} or {"images": [base64, ...]}."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "bad_request", "The body is not JSON.") from error
    if not isinstance(given, dict) or not given.keys() & {"image", "images"} or given.keys() - {"image", "images"}:
        raise Refused(400, "bad_request", 'JSON holds "image", base64, or "images", a list of them.')
    images = [given["image"]] if "image" in given else given["images"]
    if ("images" in given and "image" in given) or not isinstance(images, list):
        raise Refused(400, "bad_request", 'JSON holds either "image" or a list "images".')
    return [(None, _decoded(one)) for one in images]


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise Refused(400, "bad_request", "A picture in JSON is base64 text.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "bad_request", "A picture in JSON is not base64.") from error


async def labels(request: Request) -> Response:
    """`GET /labels`."""
    return JSONResponse({"labels": list(request.app.state.engine.labels)})


async def model(request: Request) -> Response:
    """`GET /model`."""
    return JSONResponse(facts(request.app.state.engine, request.app.state.about))


def facts(engine: Engine, about: About) -> Facts:
    """What is known of the model."""
    return {
        "title": str(about.get("title", "")),
        "input_size": engine.size,
        "classes": len(engine.labels),
        "accuracy": about.get("accuracy"),
        "accuracy_interval": about.get("interval"),
        "made_at": about.get("made_at"),
        "licence": about.get("licence"),
    }


async def health(request: Request) -> Response:
    """`GET /health`."""
    return JSONResponse({"status": "ok"})
