"""Hide the kernel's keys from runs in the sandbox `uid`: Planward's own, and those of the previous run under a uid.

A process can read the keys in any keyring that it has, no matter which user it runs as, and programs inherit the
session's keyring. A user's keyring remains after all processes of the user have ended. If a container refuses these
calls, it refuses them to runs, too, so they cannot use keys.

https://man7.org/linux/man-pages/man7/keyrings.7.html
"""

import ctypes
import platform
import threading
from typing import Final, NamedTuple


class _Numbers(NamedTuple):
    keyctl: int
    setresuid: int


_NUMBERS: Final = {"x86_64": _Numbers(250, 117), "aarch64": _Numbers(219, 147)}
_JOIN_SESSION_KEYRING, _CLEAR, _KEYRING_OF_THE_USER = 1, 7, -4


def join_empty_keyring() -> None:
    """Give this thread, and the program that it starts next, an empty session keyring."""
    if (numbers := _NUMBERS.get(platform.machine())) is not None:
        ctypes.CDLL(None).syscall(numbers.keyctl, _JOIN_SESSION_KEYRING, None)


def clear_keyring_of(uid: int) -> None:
    """Remove the keys of a user without processes."""
    if (numbers := _NUMBERS.get(platform.machine())) is None:
        return
    syscall = ctypes.CDLL(None).syscall

    def clear() -> None:
        # The raw system call changes only this thread, which then ends; libc's function would change all threads.
        if syscall(numbers.setresuid, uid, uid, uid) == 0:
            syscall(numbers.keyctl, _CLEAR, _KEYRING_OF_THE_USER)

    thread = threading.Thread(target=clear, name="keyring")
    thread.start()
    thread.join()
