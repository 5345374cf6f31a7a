"""Short programs that use the delivered files without modelmail, as the report shows them under each file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.json_values import JsonObject
from jobs.render import render


@dataclass(frozen=True)
class Snippet:
    """A program for one file."""

    title: str
    template: str  # in templates/snippets
    name: str  # the file that it is saved as; empty: it is typed into a terminal
    how: str  # what to do with it and with the commands
    commands: tuple[str, ...]
    engine: str = ""  # the library, for the template


def _python(title: str, engine: str, packages: str) -> Snippet:
    how = "Save the program as predict.py beside {file} and labels.txt, then run:"
    commands = (f"pip install {packages} pillow", "python predict.py photo.jpg")
    return Snippet(title, "python.txt", "predict.py", how, commands, engine)


_KERAS = (_python("Python, by Keras", "keras", "tensorflow"),)
_LITERT = (
    _python("Python, by LiteRT", "tflite", "ai-edge-litert"),
    Snippet(
        "JavaScript, in a web page",
        "browser.txt",
        "index.html",
        "Save the page as index.html beside {file} and labels.txt, run this there, and open http://localhost:8000:",
        ("npm install @litertjs/core@2.5.3", "python3 -m http.server"),
    ),
)
_START = "python3 service.pyz --host 127.0.0.1 --port 8080"
_SERVICE = (
    Snippet("curl", "curl.txt", "", "Start the service, and ask it from another terminal:", (_START,)),
    Snippet(
        "JavaScript, by Node.js",
        "node.txt",
        "predict.mjs",
        "Save the program as predict.mjs, start the service, and run the program from another terminal:",
        (_START, "node predict.mjs photo.jpg"),
    ),
)
SNIPPETS: Mapping[str, tuple[Snippet, ...]] = {
    "model.h5": _KERAS,
    "model.keras": _KERAS,
    "model.tflite": _LITERT,
    "model_float16.tflite": _LITERT,
    "model_int8.tflite": _LITERT,
    "model.onnx": (_python("Python, by ONNX Runtime", "onnx", "onnxruntime"),),
    "model.savedmodel.zip": (_python("Python, by TensorFlow", "savedmodel", "tensorflow"),),
    "service.pyz": _SERVICE,
}


def shown(files: Iterable[str], size: int, threshold: float, grey_white: int) -> dict[str, list[JsonObject]]:
    """Return the programs for the files that have some, as the report's template shows them.

    `size` is the side of the model's input in pixels, `threshold` the probability below which it is not sure,
    `grey_white` the value that is white in a grey picture of 16 bits.
    """
    values = {"size": size, "threshold": threshold, "grey_white": grey_white}
    return {file: [_one(row, file, values) for row in SNIPPETS[file]] for file in files if file in SNIPPETS}


def _one(row: Snippet, file: str, values: Mapping[str, float]) -> JsonObject:
    return {
        "title": row.title,
        "name": row.name,
        "how": row.how.format(file=file),
        "commands": list(row.commands),
        "code": render(f"snippets/{row.template}", file=file, engine=row.engine, **values),
    }
