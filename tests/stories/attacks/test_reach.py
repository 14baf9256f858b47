"""What the code of a plan and of an apply can reach on the machine: each attack in each sandbox and without one."""

import os
import signal
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.processes.cgroups import examine_control_groups
from tests.stories.attacks.conftest import sandbox_of
from tests.stories.faults.below import processes_with
from tests.stories.line import SECRET, Line
from tests.stories.slow import SlowPlace, slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually

PLAIN_HCL = """
output "process" {
  value = [for each in ["environ", "cmdline"] : try(file("/proc/@VICTIM@/${each}"), "")]
}

output "files" {
  value = { for each in try(fileset("@DATA@", "*"), []) : each => try(length(filebase64("@DATA@/${each}")), 0) }
}
"""
"""Code with which a plan reads files without starting a program."""

SCRIPT = """
resource "terraform_data" "attack" {
  triggers_replace = timestamp()

  provisioner "local-exec" {
    command = <<-EOT
      exec 2>/dev/null
      touch @DATA@/planted @DATA@/providers/planted
      cat @DATA@/runs/*/d/own/secrets.tfvars.json @DATA@/paths/*/run/secrets.tfvars.json > @FOUND@/secrets
      ls @DATA@/mirrors > @FOUND@/mirrors
      kill -0 @VICTIM@ && echo yes > @FOUND@/kills
      setsid nohup sh -c 'sleep 600; echo @SURVIVOR@' > /dev/null &
      true
    EOT
  }
}
"""
"""Code with which an apply attacks by programs."""


@pytest.fixture
def place() -> Iterator[SlowPlace]:
    with slow_place() as place:
        yield place


def attacked_by(line: Line, place: SlowPlace) -> tuple[Story, Story, Path]:
    """A victim's plan holds its secrets while the attacker's pull request is planned, merged and applied."""
    victim, attacker = line.story(), line.story(testing=False)
    victim.propose(victim.root_module("network", size=2, extra=place.data(victim.owner)))
    eventually(lambda: victim.owner in place.asked, "the victim's plan is under way")
    found = attacker.states / "found"
    found.mkdir()
    for directory in (line.directory / "states", attacker.states, found):
        directory.chmod(0o777)
    attack = textwrap.dedent(PLAIN_HCL + SCRIPT)
    for name, value in (
        ("@DATA@", line.environ["PLANWARD_DATA_DIR"]),
        ("@FOUND@", str(found)),
        ("@VICTIM@", str(line.worker_pid())),
        ("@SURVIVOR@", f"survivor-of-{attacker.owner}"),
    ):
        attack = attack.replace(name, value)
    attacker.land(attacker.propose(attacker.root_module("network", size=2, extra=attack)))
    return victim, attacker, found


def test_a_repositorys_programs_reach_nothing_of_the_host_or_of_others(attacked: Line, place: SlowPlace) -> None:
    victim, attacker, found = attacked_by(attacked, place)
    survivors = processes_with(f"survivor-of-{attacker.owner}")
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    state = attacker.state_path("network", "staging").read_text()
    data = Path(attacked.environ["PLANWARD_DATA_DIR"])
    said = {path.name: path.read_text() for path in found.iterdir()}
    reached = {
        "the webhook's secret": SECRET in state,
        "commands of others": "ghapp" in state,
        "files of the data directory": "planward.db" in state,
        "secrets of another run": victim.password("staging") in said["secrets"],
        "mirrors": ".git" in said["mirrors"],
        "writes into the data directory": (data / "planted").exists(),
        "writes into the provider cache": (data / "providers/planted").exists(),
        "signals to others": "kills" in said,
        "a process that stays": survivors != [],
    }
    everything = sandbox_of(attacked) == "none"
    expected = dict.fromkeys(reached, everything)
    # The server's key is in no program's environment, with a sandbox or without one.
    expected["the webhook's secret"] = False
    if sandbox_of(attacked) == "uid":
        expected["commands of others"] = True  # as every user sees them
    if examine_control_groups().startswith("each command"):
        expected["a process that stays"] = False
    assert reached == expected


def test_a_state_that_would_vanish_with_the_sandbox_is_not_written(attacked: Line) -> None:
    if sandbox_of(attacked) != "bubblewrap":
        pytest.skip("elsewhere a path is what it is")
    story = attacked.story(testing=True)
    backend = {"network/env/testing.backend.hcl": 'path = "/var/tmp/planward/network.tfstate"\n'}
    check = story.planned(story.propose({**story.network(2), **backend}))
    assert check["conclusion"] == "failure"
    assert story.first_line(check) == (
        "network in testing: the state would be written to /var/tmp/planward/network.tfstate in the sandbox, and "
        "removed with it: use a remote backend and push that change; or ask the operator to add the directory of that "
        "file to PLANWARD_SANDBOX_PATHS, as DIRECTORY:rw, then press Re-run"
    )
