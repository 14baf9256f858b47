"""The command as a process of its own: as a module, and ended by Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.ghapp.cli.working_copy import write
from tests.stories.waiting import eventually

ENDLESS = """\
#!/bin/sh
case "$1" in version) echo '{"terraform_version": "1.11.4"}'; exit 0;; esac
trap '' INT
echo $$ > "%s/pid"
while :; do sleep 1; done
"""


def test_ctrl_c_ends_a_plan_at_once_and_says_so(copy: Path, tmp_path: Path) -> None:
    engine = tmp_path / "terraform"
    write(engine, ENDLESS % tmp_path)
    engine.chmod(0o755)
    environ = {"PATH": os.environ["PATH"], "PLANWARD_DATA_DIR": str(tmp_path / "d"), "PLANWARD_TERRAFORM": str(engine)}
    command = [sys.executable, "-m", "ghapp", "plan", "-v", str(copy)]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as planning:
        assert planning.stderr is not None
        for line in planning.stderr:
            if "network: init and plan in testing" in line:
                break
        eventually((tmp_path / "pid").exists, "the engine runs")
        pid = int((tmp_path / "pid").read_text())
        began = time.monotonic()
        planning.send_signal(signal.SIGINT)
        said = planning.stderr.read()
        assert planning.wait() == 130
        assert time.monotonic() - began < 10  # it takes one second; an engine of a check run has thirty
    assert "planward: interrupted by Ctrl-C: nothing was changed" in said
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "the engine is gone")


def test_the_command_is_a_module_too() -> None:
    ended = subprocess.run([sys.executable, "-m", "ghapp", "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("planward, version ")


def test_a_command_does_not_import_the_modules_of_other_commands() -> None:
    # `serve` and `worker` start twice, to remove secrets from their environment. All modules that are imported before
    # the second start are imported twice.
    heavy = ["ghapp.demo", "ghapp.doctor", "ghapp.git", "ghapp.local", "ghapp.setup", "dbos", "githubkit", "sqlalchemy"]
    code = f"import sys, ghapp.cli.serving; print([each for each in {heavy} if each in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
