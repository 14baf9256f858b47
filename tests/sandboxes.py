"""The sandbox that the stories' servers use: `PLANWARD_TEST_SANDBOX`, else bubblewrap if it works here, else none."""

import os
import sys
from pathlib import Path

import pytest

from ghapp.processes.bubblewrap import BubblewrapFails, probe_bubblewrap
from ghapp.processes.sandbox import HostPaths


def _why_no_bubblewrap() -> str | None:
    try:
        probe_bubblewrap(HostPaths())
    except BubblewrapFails as error:
        return f"bubblewrap does not work here: {error}"
    return None


NO_BUBBLEWRAP = _why_no_bubblewrap()
"""Why bubblewrap cannot be tested here; None if it can."""

NO_UID = None if os.geteuid() == 0 else "the sandbox `uid` needs a worker that runs as root"
"""Why the sandbox `uid` cannot be tested here; None if it can."""

in_bubblewrap = pytest.mark.skipif(NO_BUBBLEWRAP is not None, reason=str(NO_BUBBLEWRAP))
by_uid = pytest.mark.skipif(NO_UID is not None, reason=str(NO_UID))
each_sandbox = pytest.mark.parametrize(
    "sandbox", [pytest.param("bubblewrap", marks=in_bubblewrap), pytest.param("uid", marks=by_uid), "none"]
)

_SYSTEM_PYTHON = Path("/usr/bin/python3")
PYTHON = str(_SYSTEM_PYTHON) if _SYSTEM_PYTHON.exists() else os.path.realpath(sys.executable)
"""A Python that other users can run, too, if there is one."""

OF_STORIES = os.environ.get("PLANWARD_TEST_SANDBOX") or ("none" if NO_BUBBLEWRAP else "bubblewrap")
