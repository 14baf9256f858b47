"""Make sure that programs start without ignored signals, however Planward itself was started."""

import signal
import threading

_RESTORED_BY_PYTHON = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
"""Python ignores these itself, and `subprocess` restores their defaults for programs."""


_handled = threading.Event()
"""Set once all signals were checked. To check them all before each program would take time."""


def stop_ignoring() -> None:
    """Handle ignored signals by doing nothing, since a program inherits ignored signals but not handlers.

    With `nohup`, or with `&` in a script, Planward starts with ignored signals. A shell that inherits them cannot even
    trap them, so a provider's wrapper script could only be killed, not interrupted. Only the main thread can set
    handlers; on any other this changes nothing.

    https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#trap
    """
    if _handled.is_set() or threading.current_thread() is not threading.main_thread():
        return
    for number in signal.valid_signals() - _RESTORED_BY_PYTHON:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)
    _handled.set()


def _do_nothing(*_: object) -> None:
    pass
