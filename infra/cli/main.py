"""The command `modelmail`. Each subcommand is in its own module, which is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from infra.cli.delivered import delivered
from infra.cli.design import design
from infra.cli.experiments import experiments
from infra.cli.operator import operator
from infra.cli.sending import sending

DATA = Path("modelmail-data")

app = typer.Typer(
    name="modelmail",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Data = Annotated[Path, typer.Option(help="Folder for buckets, mails, models and logs.")]
Json = Annotated[bool, typer.Option("--json", help="Progress to stderr; the last line of stdout is JSON.")]


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"modelmail {version('modelmail')}")
        raise typer.Exit


@app.callback()
def first(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Photos in, model out, by email: a trained and tuned Keras model from a zip of class folders."""


@app.command()
def demo(  # noqa: PLR0913  one parameter for each option, which is what a command line is
    photos: Annotated[
        Path | None, typer.Argument(metavar="ZIP", help="Your own zip, or folder, of class folders.")
    ] = None,
    email: Annotated[str, typer.Option(help="The address that the report is written to.")] = "demo@example.org",
    minutes: Annotated[
        int | None,
        typer.Option(
            help="Training time. Default: 2 for the built-in photos; for your own, 2 plus 1 for each 400 photos."
        ),
    ] = None,
    data: Data = DATA,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the job: trials=1; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The whole journey on this machine: submit, upload, train, mail, download, predict.

    Without a ZIP it uses tiles of three CC0 photographs (brick, grass, gravel). Nothing leaves this
    machine; the mail lands in the data folder. Exit status: 0 when the job is done, 1 when it was
    rejected or failed, 2 when the command was wrong.

    Example: `modelmail demo holiday.zip --email me@example.org`
    """
    from infra.cli.demo import Wish, run

    wrong = [each for each in given or [] if "=" not in each]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} is not an option and its value, such as trials=1.", param_hint="--set")
    options = dict(each.split("=", 1) for each in given or [])
    raise typer.Exit(run(Wish(photos, email, minutes, data, as_json, options)))


@app.command()
def up(data: Data = DATA) -> None:
    """Run buckets, mailbox, function and worker until Ctrl-C.

    With the data folder of an earlier demo its jobs are here again, and the links in its mails work.

    Example: `modelmail up --data modelmail-data`
    """
    from infra.cli.up import run

    raise typer.Exit(run(data))


@app.command()
def emulator(  # noqa: PLR0913  one parameter for each option, which is what a command line is
    data: Annotated[Path, typer.Option(help="Folder that keeps the buckets; made where it is missing.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 = any free one.")] = 9000,
    service_account: Annotated[
        list[Path] | None,
        typer.Option(metavar="KEY.json", help="Key file whose signatures count; may be repeated. None: one is made."),
    ] = None,
    public_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Another host that links may be signed for; may be repeated."),
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Let tests order faults, at /_emulator/faults.")] = False,
    anonymous: Annotated[
        Literal["allow", "public"], typer.Option(help="What the XML API lets callers without credentials do.")
    ] = "public",
    tls: Annotated[bool, typer.Option("--tls", help="Serve HTTPS with a certificate made in the data folder.")] = False,
) -> None:
    """Run only the buckets: Google Cloud Storage's JSON and XML APIs on this machine.

    V4 signed URLs are verified, generation conditions hold, and what was acknowledged survives any crash.
    The first lines of stdout name the key file, where one was made, and the address. Ctrl-C or SIGTERM end it.
    Exit status: 2 when it could not start: the port or the folder is in use, or a key file is broken.

    Example: `modelmail emulator --port 9000 --data buckets --service-account key.json`
    """
    from infra.cli.emulator import Config, certificate_for, run

    certificate = certificate_for(data, host, public_host or []) if tls else None
    config = Config(data, service_account or [], host, port, public_host or [], admin, anonymous, certificate)
    raise typer.Exit(run(config))


@app.command()
def check(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Folders or zips of class folders.")],
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each path.")] = False,
    classes: Annotated[str, typer.Option(help="inner or outer: the folders that name the classes.")] = "",
) -> None:
    """Say what the service would say of a folder or zip, without sending or training.

    Exit status: 0 when every path would be accepted, else 1.

    Example: `modelmail check holiday.zip`
    """
    from infra.cli import check as command

    command.check(paths, as_json, classes)


@app.command()
def worker() -> None:
    """Run the poller that trains: the same program as on the training machine. Reads MODELMAIL_* variables.

    Example: `MODELMAIL_STORAGE_URL=http://127.0.0.1:9000 modelmail worker`
    """
    from vm_worker.main import main as work

    raise typer.Exit(work())


@app.command()
def predict(  # noqa: PLR0913  (a flag each)
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A delivered model of any format.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE|FOLDER...", help="Photos, and folders of photos.")],
    unsure: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Say “not sure” below this probability; default: what the report found."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Progress to stderr; a CSV table to stdout.")] = False,
    as_coco: Annotated[
        bool, typer.Option("--coco", help="Of a detector: the boxes as COCO's JSON to stdout, for annotation tools.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Open a SavedModel or service.pyz: these are programs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Name the class of each photo, or count the objects in it. Reads labels.txt and the other files beside the model.

    Exit status: 0 when every photo could be read, 1 when one could not, 2 without a model.

    Example: `modelmail predict modelmail-data/jobs/ID/model.h5 holiday/ --csv`
    """
    from infra.cli.predict import Question, run

    raise typer.Exit(run(Question(model, images, unsure, as_json, as_csv, as_coco, trust)))


@app.command()
def serve(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A service.pyz, a job's folder, or a file in it.")],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 = any free one.")] = 8080,
) -> None:
    """Serve a delivered model by REST and SOAP until Ctrl-C, as its service.pyz does without modelmail.

    Exit status: 2 when there is no model.tflite with its labels.txt, or the port is taken.

    Example: `modelmail serve modelmail-data/jobs/ID --port 8081`
    """
    from infra.cli.serve import run

    raise typer.Exit(run(model, host, port))


@app.command("bench-architectures")
def bench_architectures(
    photos: Annotated[Path, typer.Argument(metavar="DATASET", help="Zip or folder of class folders.")],
    minutes: Annotated[float, typer.Option(min=0.1, help="For training and measuring all of them.")] = 10.0,
    as_json: Json = False,
) -> None:
    """Train AlexNet, AlexNet-Separable, MobileNetV1 and MobileNetV2 from nothing, each at four widths, at 64 pixels.

    A row for each: parameters, accuracy on the test photos, size and latency as a TFLite model, in float32 and with
    weights in 8 bits. Exit status: 1 when the photos cannot be used.

    Example: `modelmail bench-architectures holiday.zip --minutes 20`
    """
    from infra.cli.architectures import run

    raise typer.Exit(run(photos, minutes, as_json))


@app.command()
def doctor(data: Data = DATA, as_json: Json = False) -> None:
    """Say what this machine has and what it lacks: weights, processors, memory, fonts, browser, ports.

    Exit status: 0 when training works here, else 1.

    Example: `modelmail doctor`
    """
    from infra.cli.doctor import run

    raise typer.Exit(run(data, as_json))


app.add_typer(delivered)
app.add_typer(experiments)
app.add_typer(sending)
app.add_typer(operator, name="jobs")
app.add_typer(design, name="design")


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
