"""Ctrl-C works in the programs that tests start, however pytest itself was started."""

import signal


def pytest_configure() -> None:
    """Handle SIGINT if it is ignored, as it is after `pytest &` in a script: programs inherit ignored signals."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
