"""The system calls that a root run may not use: Planward's own seccomp filter, for bubblewrap.

It refuses a few calls that any user may make and that no provider needs. They reach something that namespaces do not
separate (the kernel's keys), or have often been used to attack the kernel. A list of allowed calls, as containers have,
would need updates for each version of the kernel and of Go, and a library to compile it.

https://man7.org/linux/man-pages/man2/seccomp.2.html
https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
"""

import errno
import platform
import struct
from dataclasses import dataclass
from typing import Final

_NEW = {  # numbered alike everywhere
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
}
_CLONE3: Final = 435


@dataclass(frozen=True, slots=True, kw_only=True)
class _Architecture:
    audit: int
    refused: dict[str, int]
    clone: int
    first_of_another: int | None = None
    """The lowest call number of another ABI of the same architecture (x32)."""


_ARCHITECTURES: Final = {
    "x86_64": _Architecture(
        audit=0xC000003E,
        refused={
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "unshare": 272,
            "perf_event_open": 298,
            "fanotify_init": 300,
            "setns": 308,
            "bpf": 321,
            "userfaultfd": 323,
            **_NEW,
        },
        clone=56,
        first_of_another=0x40000000,
    ),
    "aarch64": _Architecture(
        audit=0xC00000B7,
        refused={
            "unshare": 97,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "perf_event_open": 241,
            "fanotify_init": 262,
            "setns": 268,
            "bpf": 280,
            "userfaultfd": 282,
            **_NEW,
        },
        clone=220,
    ),
}
_CLONE_NEWUSER: Final = 0x10000000

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000


def refusals(machine: str | None = None) -> bytes | None:
    """The filter in the kernel's format; None for a machine whose call numbers are not known here."""
    found = _ARCHITECTURES.get(machine or platform.machine())
    if found is None:
        return None
    numbers = sorted(found.refused.values())
    refuse, is_missing, ask_clone = "refuse", "is missing", "ask clone"
    program: list[tuple[int, str | None, int]] = [(_IF_EQUAL, is_missing, _CLONE3), (_IF_EQUAL, ask_clone, found.clone)]
    if found.first_of_another is not None:
        program.append((_IF_AT_LEAST, refuse, found.first_of_another))
    program += [(_IF_EQUAL, refuse, number) for number in numbers]
    ends = [
        (_RETURN, None, _ALLOW),
        (_LOAD, ask_clone, _FIRST_ARGUMENT_AT),
        (_IF_HAS, refuse, _CLONE_NEWUSER),
        (_RETURN, None, _ALLOW),
        (_RETURN, refuse, _FAIL | errno.EPERM),
        # A filter cannot read clone3's flags, which are in memory. If clone3 seems missing, programs use clone.
        (_RETURN, is_missing, _FAIL | errno.ENOSYS),
    ]
    body = [*program, *ends]
    places = {name: len(program) + number for number, (code, name, _) in enumerate(ends) if name and code != _IF_HAS}
    words = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_IF_EQUAL, 1, 0, found.audit), (_RETURN, 0, 0, _KILL)]
    words.append((_LOAD, 0, 0, _NUMBER_AT))
    for here, (code, name, value) in enumerate(body):
        jumps = code in (_IF_EQUAL, _IF_AT_LEAST, _IF_HAS) and name is not None
        words.append((code, places[name] - here - 1 if jumps and name else 0, 0, value))
    return b"".join(struct.pack("=HBBI", *each) for each in words)
