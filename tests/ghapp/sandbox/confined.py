"""Run scripts in a sandbox."""

import asyncio
import platform
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Exited
from ghapp.processes.bubblewrap import probe_bubblewrap
from ghapp.processes.by_uid import probe_uids, without_sandbox
from ghapp.processes.sandbox import Confined, HostPaths, Reach
from tests.sandboxes import PYTHON, by_uid, in_bubblewrap

MB = 1_000_000


def confined(sandbox: str, directory: Path) -> Confined:
    """A root run in a sandbox, with a checkout and a private directory."""
    data_dir = directory / "data"
    for name in ("checkout", "private"):
        (data_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    reach = Reach(checkout=data_dir / "checkout", private=data_dir / "private", repository="7")
    match sandbox:
        case "bubblewrap":
            # The script needs Python, wherever that is installed.
            return probe_bubblewrap(HostPaths(reads=(Path(sys.base_prefix),))).confine(reach)
        case "uid":
            return probe_uids(data_dir).confine(reach)
        case _:
            return without_sandbox(data_dir).confine(reach)


def run(where: Confined, script: str, **options: Any) -> Exited:
    """Run a Python script that may use `os, signal, subprocess, sys, time`."""
    text = "import os, signal, subprocess, sys, time\n" + textwrap.dedent(script)
    words = [PYTHON, "-I", "-S", "-c", text]

    async def ran() -> Exited:
        async with where.entered():
            return await PROGRAMS_WITHOUT_KEEPER.run(
                words, **{"environ": {}, "timeout_s": 60, "confined": where, **options}
            )

    return asyncio.run(ran())


in_a_sandbox = pytest.mark.parametrize(
    "sandbox", [pytest.param("bubblewrap", marks=in_bubblewrap), pytest.param("uid", marks=by_uid)]
)
of_this_machine = pytest.mark.skipif(platform.machine() != "x86_64", reason="system calls have other numbers here")
