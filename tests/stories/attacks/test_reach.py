"""What the code of a plan and of an apply can reach on the machine: each attack in each sandbox and without one."""

import os
import signal
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.processes.cgroups import examine_control_groups
from tests.sandboxes import in_bubblewrap
from tests.stories.attacks.conftest import sandbox_of
from tests.stories.faults.below import processes_with
from tests.stories.line import SECRET, Line, running_line
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
"""Code with which an apply attacks by running programs."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line in bubblewrap, whatever the other stories use.

    Its processes are as an operator starts them: what an attack may find of a forked one depends on the tests' process.
    """
    with running_line(tmp_path_factory.mktemp("bubblewrap"), fresh=True, PLANWARD_SANDBOX="bubblewrap") as line:
        yield line


@pytest.fixture
def place() -> Iterator[SlowPlace]:
    with slow_place() as place:
        yield place


def attack(victim: Story, topic: str, place: SlowPlace) -> tuple[Story, Path]:
    """A victim's plan holds its secrets while the attacker's pull request is planned, merged and applied."""
    line = victim.line
    attacker = line.story()
    victim.propose(victim.root_module("network", size=2, extra=place.data(victim.owner)), head=topic)
    eventually(lambda: victim.owner in place.asked, "the victim's plan is under way")
    shown = Path(f"/proc/{line.worker_pid()}/cmdline").read_bytes()
    assert b"ghapp" in shown, "to look for it shows what a program sees of others"
    found = attacker.states / "found"
    found.mkdir()
    for directory in (line.directory / "states", attacker.states, found):
        directory.chmod(0o777)
    code = textwrap.dedent(PLAIN_HCL + SCRIPT)
    for name, value in (
        ("@DATA@", line.environ["PLANWARD_DATA_DIR"]),
        ("@FOUND@", str(found)),
        ("@VICTIM@", str(line.worker_pid())),
        ("@SURVIVOR@", f"survivor-of-{attacker.owner}"),
    ):
        code = code.replace(name, value)
    attacker.land(attacker.propose(attacker.root_module("network", size=2, extra=code)))
    return attacker, found


def test_a_repositorys_programs_reach_nothing_of_the_host_or_of_others(
    attacked: Line, topic: str, place: SlowPlace
) -> None:
    everything = sandbox_of(attacked) == "none"
    assert reached(attacked.story(), topic, place) == {
        "the webhook's secret": False,  # it is in no program's environment, with a sandbox or without one
        "commands of others": True,  # as every user sees them
        "files of the data directory": everything,
        "secrets of another run": everything,
        "mirrors": everything,
        "writes into the data directory": everything,
        "writes into the provider cache": everything,
        "signals to others": everything,
        "a process that stays": everything and not examine_control_groups().startswith("each command"),
    }


@in_bubblewrap
def test_in_bubblewrap_a_repositorys_programs_reach_nothing_of_the_host_or_of_others(
    unmerged: Story, topic: str, place: SlowPlace
) -> None:
    found = reached(unmerged, topic, place)
    assert found == dict.fromkeys(found, False)


def reached(victim: Story, topic: str, place: SlowPlace) -> dict[str, bool]:
    """What an attacker reached of the host and of the victim."""
    attacker, found = attack(victim, topic, place)
    survivors = processes_with(f"survivor-of-{attacker.owner}")
    for pid in survivors:
        os.killpg(pid, signal.SIGKILL)  # it leads a session of its own
    state = attacker.state_path("network", "staging").read_text()
    data = Path(victim.line.environ["PLANWARD_DATA_DIR"])
    said = {path.name: path.read_text() for path in found.iterdir()}
    return {
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


@in_bubblewrap
def test_a_state_that_would_vanish_with_the_sandbox_is_not_written(unmerged: Story, topic: str) -> None:
    backend = {"network/env/staging.backend.hcl": 'path = "/var/tmp/planward/network.tfstate"\n'}
    check = unmerged.planned(unmerged.propose({**unmerged.network(2), **backend}, head=topic))
    assert check["conclusion"] == "failure"
    assert unmerged.first_line(check) == (
        "network in staging: the state would be written to /var/tmp/planward/network.tfstate in the sandbox, and "
        "removed with it: use a remote backend and push that change; or ask the operator to add the directory of that "
        "file to PLANWARD_SANDBOX_PATHS, as DIRECTORY:rw, then press Re-run"
    )
