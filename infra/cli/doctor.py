"""`modelmail doctor`: a check of this machine's parts that training and reports need."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path

from rich.table import Table

from infra.cli.screen import Screen
from infra.local.ports import HOST, Ports
from jobs import wording
from jobs.options import CANDIDATES
from jobs.settings import Settings

GIB = 1024**3
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


@dataclass(frozen=True)
class Needs:
    """The figures and parts that a machine is checked against."""

    memory: int = 3 * GIB  # enough for a job of 20,000 photos; see the scale benchmark
    disk: int = 10 * GIB  # enough for decoded photos and activations of a large job
    ports: Ports = field(default_factory=Ports)
    extras: Mapping[str, tuple[str, str]] = field(  # extra -> its module, and its purpose
        default_factory=lambda: {
            "fast": ("openvino", "frozen networks run several times faster on CPUs with bf16 units"),
            "exports": ("ai_edge_litert", "TFLite, ONNX and the self-contained service"),
            "ray": ("ray", "candidates and trials over a cluster"),
        }
    )
    networks: tuple[str, ...] = CANDIDATES  # networks that may have weights here


NEEDS = Needs()


@dataclass(frozen=True)
class Finding:
    """A line of the answer. `state` is "good", "poor" (works, with less) or "bad" (training does not work)."""

    what: str
    state: str
    found: str
    advice: str = ""


def run(data: Path, as_json: bool, needs: Needs = NEEDS) -> int:
    """Print the findings; return the exit status: 0 when training works here."""
    screen = Screen(to_stderr=as_json)
    try:
        settings = Settings.from_env()
    except ValueError as error:
        screen.say(str(error))
        return 1
    findings = [
        *_machine(data, needs),
        *_weights(settings, needs.networks),
        *_extras(needs),
        *_looks(),
        *_ports(needs.ports),
    ]
    _show(screen, findings)
    if as_json:
        sys.stdout.write(json.dumps({"findings": [asdict(one) for one in findings]}) + "\n")
    return 1 if any(one.state == "bad" for one in findings) else 0


def _machine(data: Path, needs: Needs) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", "good", version)
    for module in ("tensorflow", "keras", "PIL"):
        if find_spec(module) is None:
            yield Finding(module, "bad", "not installed", "Install the extra `worker`.")
    yield Finding("Processor cores", "good" if (os.cpu_count() or 1) > 1 else "poor", str(os.cpu_count()))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    enough = memory >= needs.memory
    advice = "" if enough else "Small sets work; thousands of photos may not."
    yield Finding("Memory", "good" if enough else "poor", wording.size(memory), advice)
    folder = next(path for path in (data.resolve(), *data.resolve().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    roomy = free >= needs.disk
    yield Finding(
        "Free disk", "good" if roomy else "poor", wording.size(free), "" if roomy else "Large sets need more."
    )
    graphics = sorted(Path("/dev").glob("nvidia[0-9]*"))
    yield Finding(
        "GPU",
        "good" if graphics else "poor",
        wording.plural(len(graphics), "device") if graphics else "none",
        "" if graphics else "Training works without one; on a GPU it is many times faster.",
    )


def _weights(settings: Settings, networks: tuple[str, ...]) -> Iterator[Finding]:
    """Yield findings about the networks that can be candidates here."""
    if find_spec("keras") is None:
        return
    from vm_worker.learn.networks.weights import find

    found, missing = find(networks, settings.weights, False)
    advice = ""
    if missing:
        advice = "MODELMAIL_WEIGHTS names a folder of more; MODELMAIL_DOWNLOAD_WEIGHTS=1 downloads them."
    state = "bad" if not found else "good" if len(found) > 2 else "poor"
    yield Finding(
        "Pretrained networks", state, ", ".join(found) or "none", advice if len(found) < len(networks) else ""
    )


def _extras(needs: Needs) -> Iterator[Finding]:
    for extra, (module, purpose) in needs.extras.items():
        there = find_spec(module) is not None
        yield Finding(
            f"Extra `{extra}`",
            "good" if there else "poor",
            "installed" if there else "not installed",
            "" if there else f"With it {purpose}.",
        )


def _looks() -> Iterator[Finding]:
    """Yield findings about the parts that draw pictures and pages."""
    if find_spec("matplotlib") is not None:
        from vm_worker.evaluation import style

        wide = style.drawable("猫")
        yield Finding(
            "Font for Chinese, Japanese, Korean",
            "good" if wide else "poor",
            "found" if wide else "none",
            "" if wide else "Such class names are numbered in plots. On Debian: apt install fonts-noto-cjk",
        )
    browser = next((program for program in BROWSERS if shutil.which(program)), None)
    yield Finding(
        "Browser", "good" if browser else "poor", browser or "none", "" if browser else "Pages open on another machine."
    )


def _ports(wanted: Ports) -> Iterator[Finding]:
    taken = [str(port) for port in asdict(wanted).values() if _taken(port)]
    advice = "The next free ones are taken instead." if taken else ""
    yield Finding("Ports", "poor" if taken else "good", f"in use: {', '.join(taken)}" if taken else "free", advice)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def _show(screen: Screen, findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("", "Here", "Found", "Advice"):
        table.add_column(title, overflow="fold")
    marks = {"good": "[green]ok[/]", "poor": "[yellow]less[/]", "bad": "[red]no[/]"}
    for one in findings:
        table.add_row(marks[one.state], one.what, wording.clean(one.found), one.advice)
    screen.show(table)
