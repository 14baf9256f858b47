"""A root run ends when it exceeds a limit, and the check run says so. It also ends with the process that started it.

The limits are exceeded by scripts that the engine runs.
"""

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.terraform import find_terraforms
from tests.stories.faults.below import descendants
from tests.stories.line import SECRET, Line, running_line
from tests.stories.slow import slow_place
from tests.stories.story import Story
from tests.stories.waiting import eventually

EATS = "import time; eaten = [bytearray(5_000_000) for _ in range(250) if not time.sleep(0.02)]; time.sleep(600)"
"""Takes 250 MB of memory a second, up to 1.25 GB."""
LIMIT_MB = 400


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line with low limits, whose engine runs the script `COMMAND.sh` of a root module before each COMMAND.

    Its processes are as an operator starts them, and end with the last story.
    """
    directory = tmp_path_factory.mktemp("limited")
    engine = directory / "engine"
    argv = shlex.join(find_terraforms(None)[0].argv)
    engine.write_text(f'#!/bin/sh\nif test -e "$1.sh"; then . "./$1.sh"; fi\nexec {argv} "$@"\n')
    engine.chmod(0o700)
    with running_line(
        directory,
        fresh=True,
        PLANWARD_TERRAFORM=str(engine),
        PLANWARD_CONCURRENCY="4",
        PLANWARD_MEMORY_LIMIT_MB=str(LIMIT_MB),
        PLANWARD_OUTPUT_LIMIT_MB="1",
        PLANWARD_PLAN_TIMEOUT_S="30",
        PLANWARD_SANDBOX_PATHS=f"{directory / 'states'}:rw,{sys.prefix},{sys.base_prefix}",
    ) as line:
        yield line


@pytest.fixture(scope="module")
def unmerged(limited: Line) -> Story:
    """One repository for the stories that only propose."""
    return limited.story()


def python(script: str) -> str:
    """A line of shell that runs a Python script."""
    return f"{shlex.quote(sys.executable)} -I -S -c {shlex.quote(script)}\n"


PLANS = {
    "memory": (
        {"plan.sh": f"exec {python(EATS)}"},
        "failure",
        # If there is a control group, it keeps the memory below the limit.
        r"terraform plan (took [4-9]\d\d MB of memory, more|needed more memory) than the 400 MB of "
        r"PLANWARD_MEMORY_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_MEMORY_LIMIT_MB, then "
        "press Re-run",
    ),
    "a child's memory": (
        {"init.sh": python(EATS)},
        "failure",
        r"terraform init took [4-9]\d\d MB of memory, more than the 400 MB of PLANWARD_MEMORY_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_MEMORY_LIMIT_MB, then "
        "press Re-run",
    ),
    "lines": (
        {"plan.sh": "exec yes 'and once more'\n"},
        "failure",
        r"terraform plan printed more than the 1 MB of PLANWARD_OUTPUT_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB, then "
        "press Re-run",
    ),
    "one line": (
        {"plan.sh": f"exec {python('while True: print(str(1) * 999, end=str())')}"},
        "failure",
        r"terraform plan printed more than the 1 MB of PLANWARD_OUTPUT_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB, then "
        "press Re-run",
    ),
    "plan JSON": (
        {"show.sh": "exec yes 'and once more'\n"},
        "failure",
        r"terraform show wrote a plan of [\d,]+ MB, more than the 1 MB of PLANWARD_OUTPUT_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB, then "
        "press Re-run",
    ),
    "time": (
        {"show.sh": "exec sleep 600\n"},
        "timed_out",
        r"terraform show hit its time limit\. Split the root module into smaller ones, or ask the operator to "
        "raise PLANWARD_PLAN_TIMEOUT_S, then press Re-run",
    ),
}
"""By the exceeded limit: the scripts, the conclusion, and the first line."""


def test_a_plan_over_a_limit_is_ended_and_its_first_line_names_the_limit_and_the_remedy(
    limited: Line, unmerged: Story, topic: str
) -> None:
    story = unmerged
    numbers = {}
    for index, (what, (scripts, _, _)) in enumerate(PLANS.items()):
        files = story.network(2) | {f"network/{name}": text for name, text in scripts.items()}
        numbers[what] = story.propose(files, head=f"{topic}-{index}")
    for what, (_, conclusion, said) in PLANS.items():
        check = story.planned(numbers[what])
        assert check["conclusion"] == conclusion, (what, check["output"])
        assert re.fullmatch(f"network in staging: {said}", story.first_line(check)), (what, story.first_line(check))
    assert not any((limited.directory / "data" / "runs").glob("*/d")), "nothing of them is left on disk"


def applying(story: Story, command: str) -> dict[str, str]:
    """`network` with a second resource that runs a command after the first one exists."""
    extra = f"""\
resource "terraform_data" "hungry" {{
  depends_on = [terraform_data.net]
  provisioner "local-exec" {{
    command = {json.dumps(command)}
  }}
}}
"""
    return {"network/main.tf": story.root_module("network", size=2, extra=extra)["network/main.tf"]}


def test_an_apply_that_takes_more_memory_than_it_may_is_interrupted_or_killed_and_its_state_is_written(
    limited: Line,
) -> None:
    story = limited.story()
    number = story.propose(applying(story, python(EATS)))
    check = story.planned(number)
    assert check["conclusion"] == "success", check["output"]
    check = story.applied(story.merge(number))
    assert check["conclusion"] == "failure"
    first_line = story.first_line(check)
    assert re.fullmatch(
        r"network in staging: terraform apply took [4-9]\d\d MB of memory, more than the 400 MB of "
        r"PLANWARD_MEMORY_LIMIT_MB, after 1 of 2 changes\. It was interrupted: what was applied until then is in the "
        r"state, the rest was not applied\. Split the root module into smaller ones, or ask the operator to "
        "raise PLANWARD_MEMORY_LIMIT_MB, then press Re-run",
        first_line,
    ), first_line
    assert story.size("staging") == 2
    story.commented(number, "MB of memory, more than")
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "failure"]]

    # After a killed apply, the report says that the state may be locked.
    eats = f"exec {python(f'import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {EATS}')}"
    number = story.propose(story.network(3) | {"network/apply.sh": eats}, head="killed")
    check = story.planned(number)
    assert check["conclusion"] == "success", check["output"]
    check = story.applied(story.merge(number))
    first_line = story.first_line(check)
    assert check["conclusion"] == "failure", first_line
    killed = (
        "It was killed: the state may lack the resources that were being created (before Re-run, import or "
        "delete those that exist), and may be "
        "locked"
    )
    assert f"{killed} (then comment `planward unlock -d network -e staging` on a pull request)." in first_line


# --- processes that are killed ----------------------------------------------------------------------------------------

WITH_PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc tells which processes there are")


@WITH_PROC
def test_a_worker_that_is_killed_while_terraform_waits_is_replaced_and_plans_again(
    limited: Line, unmerged: Story, topic: str
) -> None:
    story = unmerged
    with slow_place() as slow:
        number = story.propose({"network/wait.tf": slow.module("waits")}, head=topic)
        eventually(lambda: slow.asked, "Terraform waits")
        first, head = limited.worker_pid(), story.head(number)
        os.kill(first, signal.SIGKILL)
        [push, *_] = [
            each for each in limited.github.deliveries if each.event == "push" and each.payload["after"] == head
        ]
        assert limited.deliver("push", push.payload, guid=push.guid).status_code == 202
        eventually(lambda: len(slow.asked) == 2, "another worker is at it", patience_s=120)
        assert limited.worker_pid() != first
        slow.let_go()
        assert story.planned(number)["status"] == "completed"
    story.quiet()
    assert len(story.check_runs(head)) == 1


@WITH_PROC
def test_neither_process_shows_a_key_in_its_arguments_or_its_environment(limited: Line) -> None:
    assert limited.process is not None
    for pid in (limited.process.pid, limited.worker_pid()):
        for name in ("cmdline", "environ"):
            shown = Path(f"/proc/{pid}/{name}").read_bytes()
            assert not [each for each in (SECRET, "PRIVATE KEY", "VAULT_TOKEN") if each.encode() in shown]


# The last one, since it ends the line.
@WITH_PROC
def test_a_killed_serve_leaves_no_process_behind(limited: Line, unmerged: Story, topic: str) -> None:
    with slow_place() as slow:
        unmerged.propose({"network/wait.tf": slow.module("waits")}, head=topic)
        eventually(lambda: slow.asked, "Terraform waits")
        assert limited.process is not None
        below = [Path(f"/proc/{number}") for number, *_ in descendants(limited.process.pid)]
        assert len(below) > 2  # the worker, its keeper, Terraform
        limited.process.send_signal(signal.SIGKILL)
        limited.process.wait()
        eventually(lambda: not any(map(_runs, below)), "nothing of it is left", patience_s=120)


def _runs(process: Path) -> bool:
    """Whether a process is running. A zombie, for which nobody has waited yet, has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
