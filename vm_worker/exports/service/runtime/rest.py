"""The REST interface: photos come as multipart, raw bytes or JSON; errors are JSON with a code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs.json_values import JsonObject
from vm_worker.exports.service.runtime.base64_text import decoded
from vm_worker.exports.service.runtime.bodies import Refused, received
from vm_worker.exports.service.runtime.kind import Served
from vm_worker.exports.service.runtime.limits import BODY_BYTES, IMAGES, Patience
from vm_worker.intake.images import BadImage

Read = TypeVar("Read")


FORM, JSON = "multipart/form-data", "application/json"


async def predict(request: Request) -> Response:
    """Answer `POST /predict`."""
    kind = _kind(request)
    async with received(request, BODY_BYTES) as body:
        photos = await _photos(request, kind, body)
        await check_work(request, [data for _, data in photos])
        if _wants_picture(request):
            return await _drawn(request, photos)
        answers = await _answers(request, photos)
    # A form or a JSON body may hold several pictures, and each gets its own answer or error. Any other body is one
    # picture, and a bad one is refused.
    rows = [row for row, _ in answers]
    if kind not in (FORM, JSON) and isinstance(problem := rows[0].get("error"), Mapping):
        raise Refused(422, "bad_image", str(problem["message"]))
    return JSONResponse({"predictions": rows, **_together(request, [said for _, said in answers if said is not None])})


def _together(request: Request, said: Sequence[Any]) -> JsonObject:
    """Return the answer for several photos as one, where the kind of model has such an answer."""
    served: Served = request.app.state.served
    join = served.kind.together
    return {"together": join(served.pool, said)} if join and len(said) > 1 else {}


def _wants_picture(request: Request) -> bool:
    served: Served = request.app.state.served
    return served.kind.draws and request.query_params.get("annotated", "0").lower() in ("1", "true", "yes")


async def _drawn(request: Request, photos: Sequence[tuple[str | None, bytes]]) -> Response:
    """Return the only photo, with the answer drawn on it. Raises Refused."""
    if len(photos) > 1:
        raise Refused(400, "bad_request", "One picture at a time is answered with a picture.")
    served: Served = request.app.state.served
    try:
        future = served.pool.drawn(photos[0][1])
        picture = await asyncio.wrap_future(future) if future else b""
    except BadImage as error:
        raise Refused(422, "bad_image", f"The picture {error}.") from error
    return Response(picture, media_type="image/jpeg")


async def _answers(request: Request, photos: Sequence[tuple[str | None, bytes]]) -> list[tuple[JsonObject, Any]]:
    """Return the answers in the photos' order, as JSON and as the model gives them; None where there is a problem.

    A request has no more photos in the queue than the model works on at a time, so that other requests get their turn.
    """
    served: Served = request.app.state.served
    turns = asyncio.Semaphore(served.pool.threads)
    patience: Patience = request.app.state.patience
    end = asyncio.get_running_loop().time() + patience.seconds

    async def in_turn(name: str | None, data: bytes) -> tuple[JsonObject, Any]:
        async with turns:
            if asyncio.get_running_loop().time() > end:
                told = "The request has taken too long. Send the picture again, with fewer others."
                return _problem(name, "too_slow", told), None
            return await _answer(request, name, data)

    return await asyncio.gather(*(in_turn(name, data) for name, data in photos))


async def check_work(request: Request, photos: Sequence[bytes]) -> None:
    """Check that the photos of a request have no more pixels than a request may have. Raises Refused."""
    patience: Patience = request.app.state.patience
    served: Served = request.app.state.served
    work = await run_in_threadpool(lambda: sum(map(served.pool.work, photos)))
    if work > patience.pixels:
        most = f"{patience.pixels / 1e6:g} megapixels"
        raise Refused(
            413, "too_many", f"The pictures of one request may have {most} together, each scan of a JPEG counted."
        )


async def _answer(request: Request, name: str | None, data: bytes) -> tuple[JsonObject, Any]:
    try:
        said = await predicted(request, data)
        served: Served = request.app.state.served
        return {"name": name, **served.kind.shown(served.pool, served.about, said)}, said
    except BadImage as error:
        return _problem(name, "bad_image", f"The picture {error}."), None


def _problem(name: str | None, code: str, message: str) -> JsonObject:
    """Return the reason why there is no answer for one photo."""
    return {"name": name, "error": {"code": code, "message": message}}


async def predicted(request: Request, data: bytes) -> Any:
    """Return the model's answer, when it is this photo's turn. Raises BadImage."""
    served: Served = request.app.state.served
    return await asyncio.wrap_future(served.pool.submit(data))


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
    served: Served = request.app.state.served
    return JSONResponse({"labels": list(served.pool.labels)})


async def model(request: Request) -> Response:
    """Answer `GET /model`."""
    return JSONResponse(facts(request.app.state.served))


def facts(served: Served) -> JsonObject:
    """Return the known facts about the model."""
    pool, about = served.pool, served.about
    return {
        "title": str(about.get("title", "")),
        "input_size": pool.size,
        "classes": len(pool.labels),
        **served.kind.facts(pool, about),
        "made_at": about.get("made_at"),
        "licence": about.get("licence"),
    }


async def health(request: Request) -> Response:
    """Answer `GET /health`."""
    return JSONResponse({"status": "ok"})
