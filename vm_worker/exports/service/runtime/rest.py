"""The REST interface: photos come as multipart, raw bytes or JSON; errors are JSON with a code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar, final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vm_worker.exports.service.runtime.base64_text import decoded
from vm_worker.exports.service.runtime.bodies import Refused, received
from vm_worker.exports.service.runtime.bundle import About
from vm_worker.exports.service.runtime.engine import BadImage, Engine, Prediction
from vm_worker.exports.service.runtime.limits import BODY_BYTES, IMAGES, Patience
from vm_worker.intake.images import decoding_work

Read = TypeVar("Read")


class Probability(TypedDict):
    """The probability of one class."""

    label: str
    probability: float


class Shown(TypedDict):
    """A prediction as JSON."""

    label: str
    probability: float
    sure: bool  # false: the probability is below the report's threshold, so that a person should look
    probabilities: list[Probability]  # probabilities of all classes


class Problem(TypedDict):
    """The reason why there is no prediction."""

    code: str
    message: str


@final
class NamedPrediction(Shown):
    """The prediction for one photo."""

    name: str | None  # name of the file, if it has one


@final
class NamedProblem(TypedDict):
    """The reason why there is no prediction for one photo."""

    name: str | None
    error: Problem


AnswerOfPhoto = NamedPrediction | NamedProblem


class Facts(TypedDict):
    """The known facts about the model."""

    title: str
    input_size: int  # side of the input in pixels
    classes: int
    accuracy: float | None
    accuracy_interval: Sequence[float] | None
    threshold: float | None  # the probability from which an answer is sure
    made_at: str | None
    licence: str | None


FORM, JSON = "multipart/form-data", "application/json"


async def predict(request: Request) -> Response:
    """Answer `POST /predict`."""
    kind = _kind(request)
    async with received(request, BODY_BYTES) as body:
        photos = await _photos(request, kind, body)
        await check_work(request, [data for _, data in photos])
        answers = await _answers(request, photos)
    # A form or a JSON body may hold several pictures, and each gets its own answer or error. Any other body is one
    # picture, and a bad one is refused.
    if kind not in (FORM, JSON) and "error" in answers[0]:
        raise Refused(422, "bad_image", answers[0]["error"]["message"])
    return JSONResponse({"predictions": answers})


async def _answers(request: Request, photos: Sequence[tuple[str | None, bytes]]) -> list[AnswerOfPhoto]:
    """Return the answers in the photos' order.

    A request has no more photos in the queue than the model works on at a time, so that other requests get their turn.
    """
    turns = asyncio.Semaphore(request.app.state.engine.threads)
    patience: Patience = request.app.state.patience
    end = asyncio.get_running_loop().time() + patience.seconds

    async def in_turn(name: str | None, data: bytes) -> AnswerOfPhoto:
        async with turns:
            if asyncio.get_running_loop().time() > end:
                told = "The request has taken too long. Send the picture again, with fewer others."
                return {"name": name, "error": {"code": "too_slow", "message": told}}
            return await _answer(request, name, data)

    return await asyncio.gather(*(in_turn(name, data) for name, data in photos))


async def check_work(request: Request, photos: Sequence[bytes]) -> None:
    """Check that the photos of a request have no more pixels than a request may have. Raises Refused."""
    patience: Patience = request.app.state.patience
    work = await run_in_threadpool(lambda: sum(map(decoding_work, photos)))
    if work > patience.pixels:
        most = f"{patience.pixels / 1e6:g} megapixels"
        raise Refused(
            413, "too_many", f"The pictures of one request may have {most} together, each scan of a JPEG counted."
        )


async def _answer(request: Request, name: str | None, data: bytes) -> AnswerOfPhoto:
    try:
        said = await predicted(request, data)
        return {"name": name, **_shown(request, said)}
    except BadImage as error:
        return {"name": name, "error": {"code": "bad_image", "message": f"The picture {error}."}}


async def predicted(request: Request, data: bytes) -> Prediction:
    """Return the model's prediction, when it is this photo's turn. Raises BadImage."""
    engine: Engine = request.app.state.engine
    return await asyncio.wrap_future(engine.submit(data))


def sure(request: Request, said: Prediction) -> bool:
    """Return whether the prediction reaches the report's threshold. Without a threshold each one does."""
    about: About = request.app.state.about
    return said.probability >= (about.get("threshold") or 0.0)


def _shown(request: Request, said: Prediction) -> Shown:
    """Return a prediction as JSON."""
    pairs = zip(request.app.state.engine.labels, said.probabilities, strict=True)
    return {
        "label": said.label,
        "probability": said.probability,
        "sure": sure(request, said),
        "probabilities": [{"label": label, "probability": value} for label, value in pairs],
    }


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _photos(request: Request, kind: str, body: bytes) -> list[tuple[str | None, bytes]]:
    """Return the names and bytes of the photos in a body. Raises Refused."""
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
    """Return the result of `read`. A large body is read in a thread, so that other requests are answered meanwhile."""
    patience: Patience = request.app.state.patience
    return await run_in_threadpool(read, given) if len(given) > patience.large_bytes else read(given)


async def _multipart(request: Request) -> list[tuple[str | None, bytes]]:
    try:
        async with request.form(max_files=IMAGES + 1, max_fields=IMAGES) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            return [(file.filename, await file.read()) for file in files]
    except (MultiPartException, ValueError, KeyError) as error:
        raise Refused(400, "bad_request", f"The multipart body cannot be read: {error}") from error
    except Exception as error:  # Starlette puts its own error around the parser's error
        raise Refused(400, "bad_request", "The multipart body cannot be read.") from error


def _json(body: bytes) -> list[tuple[str | None, bytes]]:
    """Return the photos in a body {"image": base64} or {"images": [base64, ...]}."""
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
        return decoded(text)
    except ValueError as error:
        raise Refused(400, "bad_request", "A picture in JSON is not base64.") from error


async def labels(request: Request) -> Response:
    """Answer `GET /labels`."""
    return JSONResponse({"labels": list(request.app.state.engine.labels)})


async def model(request: Request) -> Response:
    """Answer `GET /model`."""
    return JSONResponse(facts(request.app.state.engine, request.app.state.about))


def facts(engine: Engine, about: About) -> Facts:
    """Return the known facts about the model."""
    return {
        "title": str(about.get("title", "")),
        "input_size": engine.size,
        "classes": len(engine.labels),
        "accuracy": about.get("accuracy"),
        "accuracy_interval": about.get("interval"),
        "threshold": about.get("threshold"),
        "made_at": about.get("made_at"),
        "licence": about.get("licence"),
    }


async def health(request: Request) -> Response:
    """Answer `GET /health`."""
    return JSONResponse({"status": "ok"})
