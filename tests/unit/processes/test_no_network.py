"""A process that reads strangers' files has no network, whichever thread or child asks for it."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

import pytest

from vm_worker.intake.decoder import serve_alone
from vm_worker.processes.no_network import forbid_network

MEMORY = 1 << 30
PTRACE_ATTACH = 16

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")


def _tried(what: Callable[[], object]) -> str:
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "done"


def _connect() -> None:
    socket.create_connection(("127.0.0.1", 1), timeout=1).close()


def _child() -> None:
    code = "import socket; socket.socket()"
    if subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode != 0:
        raise PermissionError


def _take_over() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, os.getppid(), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def _without(told: Connection) -> None:
    asked, answers, before = threading.Event(), [], threading.Event()

    def older() -> None:
        before.set()
        asked.wait()
        answers.append(_tried(_connect))

    thread = threading.Thread(target=older)
    thread.start()
    before.wait()
    works = forbid_network()
    asked.set()
    thread.join()
    pipe = os.pipe()
    os.write(pipe[1], b"x")
    told.send((works, answers, [_tried(what) for what in (_connect, _child, _take_over)], os.read(pipe[0], 1)))


def _after_serving(theirs: Connection, told: Connection) -> None:
    serve_alone(theirs, MEMORY)
    told.send(_tried(_connect))


def _run(target: Callable[..., None], *arguments: object) -> object:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(*arguments, theirs))
    process.start()
    try:
        assert ours.poll(60)
        return ours.recv()
    finally:
        process.join()


def test_neither_threads_nor_children_make_a_socket_and_pipes_work() -> None:
    works, older_thread, tried, read = True, ["PermissionError"], ["PermissionError"] * 3, b"x"
    assert _run(_without) == (works, older_thread, tried, read)


def test_a_decoding_process_has_none() -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    ours.close()
    assert _run(_after_serving, theirs) == "PermissionError"
