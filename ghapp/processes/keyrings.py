"""The kernel's keys under the sandbox `uid`: none of Planward's session, and none of the last run under a uid.

Whoever holds a keyring reads its keys, whatever their user is, and programs inherit the session's; a user's keyring
stays when all processes of the user have ended. Where a container refuses the call, runs cannot use keys either.

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
    """Give this thread, and the program that it starts next, a session keyring of its own."""
    if (numbers := _NUMBERS.get(platform.machine())) is not None:
        ctypes.CDLL(None).syscall(numbers.keyctl, _JOIN_SESSION_KEYRING, None)


def clear_keyring_of(uid: int) -> None:
    """Remove the keys of a user that has no process left."""
    if (numbers := _NUMBERS.get(platform.machine())) is None:
        return
    syscall = ctypes.CDLL(None).syscall

    def clear() -> None:
        # By the number, this is of one thread alone, which ends with it; libc would change all of them.
        if syscall(numbers.setresuid, uid, uid, uid) == 0:
            syscall(numbers.keyctl, _CLEAR, _KEYRING_OF_THE_USER)

    thread = threading.Thread(target=clear, name="keyring")
    thread.start()
    thread.join()
