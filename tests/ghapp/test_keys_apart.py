"""The process that starts Terraform shows its keys to no other program: not in its environment or its memory."""

import os
import subprocess
from pathlib import Path

import pytest

import ghapp.keys_apart
from tests.sandboxes import PYTHON

SECRET = "kept-apart-9f86d081"
PLANWARD = """
import os, runpy, subprocess, sys
take_environment = runpy.run_path(sys.argv[1])["take_environment"]
environ = take_environment(["KEY"]) if sys.argv[2] == "apart" else os.environ
reads = 'cat /proc/%d/environ; echo; head -c 1 /proc/%d/mem; ls /proc/%d/fd' % ((os.getpid(),) * 3)
seen = subprocess.run(["sh", "-c", reads], capture_output=True, text=True)
print(environ["KEY"], environ["OTHER"], os.environ.get("KEY"))
print(seen.stdout)
print(seen.stderr.count("Permission denied"))
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc tells what a process was started with")
@pytest.mark.parametrize("way", ["apart", "together"])
def test_a_program_reads_no_key_out_of_the_process_that_started_it(way: str) -> None:
    # As another user if the tests run as root, since root can read everything.
    user = 60_500 if os.geteuid() == 0 else None
    words = [PYTHON, "-I", "-c", PLANWARD, ghapp.keys_apart.__file__, way]
    environ = {"KEY": SECRET, "OTHER": "other", "PATH": os.environ["PATH"]}
    ended = subprocess.run(words, env=environ, capture_output=True, text=True, user=user, cwd="/")
    first, *seen = ended.stdout.splitlines()
    if way == "apart":
        assert first == f"{SECRET} other None"
        assert SECRET not in "".join(seen)
        assert "3" in seen  # environment, memory, descriptors
    else:
        assert first == f"{SECRET} other {SECRET}"
        assert SECRET in "".join(seen)
