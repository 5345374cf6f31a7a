"""A process that may not use the network: for programs that read strangers' files.

A flaw of a decoder could run a stranger's code. On a cloud machine such code would ask the metadata server for the
account's token. Linux's seccomp (seccomp(2)) forbids this process to make sockets, and the ways around that: io_uring,
and taking over another process of the same user. The filter holds for all threads and children, and for good.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from dataclasses import dataclass

PR_SET_NO_NEW_PRIVS = 38
SET_MODE_FILTER, TSYNC = 1, 1  # of seccomp(2); TSYNC: the threads that exist already too
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF: load a word, jump if, return
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
ALLOW, DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
X32 = 0x40000000  # the first number of x86-64's other calling convention


@dataclass(frozen=True)
class _Machine:
    """The numbers of a processor: of itself, of seccomp(2), and of the calls that are forbidden."""

    audit: int
    seccomp: int
    forbidden: tuple[int, ...]  # socket, connect, ptrace, process_vm_readv, _writev, io_uring_setup, pidfd_getfd


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 317, (41, 42, 101, 310, 311, 425, 438)),
    "aarch64": _Machine(0xC00000B7, 277, (198, 203, 117, 270, 271, 425, 438)),
}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction)))


def forbid_network() -> bool:
    """Forbid this process the network; return whether the system does so. Other systems than Linux do not."""
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return False
    rows = _filter(machine)
    program = _Program(len(rows), (_Instruction * len(rows))(*(_Instruction(*row) for row in rows)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    set_filter = (ctypes.c_long(machine.seccomp), ctypes.c_ulong(SET_MODE_FILTER), ctypes.c_ulong(TSYNC))
    return bool(libc.syscall(*set_filter, ctypes.byref(program)) == 0)


def _filter(machine: _Machine) -> list[tuple[int, int, int, int]]:
    """Return the instructions: (code, instructions to skip if so, and if not, value). The last one denies."""
    count = len(machine.forbidden)
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 0, count + 3, machine.audit),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, count + 1, 0, X32),
        *((EQUAL, count - place, 0, number) for place, number in enumerate(machine.forbidden)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, DENY),
    ]
