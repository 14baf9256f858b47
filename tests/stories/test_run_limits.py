"""A root run that exceeds a limit is ended, and the check run says so. The excess comes from scripts of the engine."""

import json
import re
import shlex
import sys
from collections.abc import Iterator

import pytest

from ghapp.terraform import find_terraforms
from tests.stories.line import Line, running_line
from tests.stories.story import Story

EATS = "import time; eaten = [bytearray(5_000_000) for _ in range(400) if not time.sleep(0.02)]; time.sleep(600)"
"""Takes 250 MB of memory a second, up to 2 GB."""
LIMIT_MB = 400


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line with low limits, whose engine runs the script `COMMAND.sh` of a root module before each COMMAND."""
    directory = tmp_path_factory.mktemp("limited")
    engine = directory / "engine"
    argv = shlex.join(find_terraforms(None)[0].argv)
    engine.write_text(f'#!/bin/sh\nif test -e "$1.sh"; then . "./$1.sh"; fi\nexec {argv} "$@"\n')
    engine.chmod(0o700)
    with running_line(
        directory,
        PLANWARD_TERRAFORM=str(engine),
        PLANWARD_CONCURRENCY="4",
        PLANWARD_MEMORY_LIMIT_MB=str(LIMIT_MB),
        PLANWARD_OUTPUT_LIMIT_MB="1",
        PLANWARD_PLAN_TIMEOUT_S="30",
        PLANWARD_SANDBOX_PATHS=f"{directory / 'states'}:rw,{sys.prefix},{sys.base_prefix}",
    ) as line:
        yield line


def python(script: str) -> str:
    """A line of shell that runs a Python script."""
    return f"{shlex.quote(sys.executable)} -I -S -c {shlex.quote(script)}\n"


PLANS = {
    "memory": (
        {"plan.sh": f"exec {python(EATS)}"},
        "failure",
        # A control group keeps the memory below the limit itself.
        r"terraform plan (took [4-9]\d\d MB of memory, more|needed more memory) than the 400 MB of "
        r"PLANWARD_MEMORY_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_MEMORY_LIMIT_MB and "
        "press Re-run",
    ),
    "a child's memory": (
        {"init.sh": python(EATS)},
        "failure",
        r"terraform init took [4-9]\d\d MB of memory, more than the 400 MB of PLANWARD_MEMORY_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_MEMORY_LIMIT_MB and "
        "press Re-run",
    ),
    "lines": (
        {"plan.sh": "exec yes 'and once more'\n"},
        "failure",
        r"terraform plan printed more than the 1 MB of PLANWARD_OUTPUT_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB and "
        "press Re-run",
    ),
    "one line": (
        {"plan.sh": f"exec {python('while True: print(str(1) * 999, end=str())')}"},
        "failure",
        r"terraform plan printed more than the 1 MB of PLANWARD_OUTPUT_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB and "
        "press Re-run",
    ),
    "plan JSON": (
        {"show.sh": "exec yes 'and once more'\n"},
        "failure",
        r"terraform show wrote a plan of [\d,]+ MB, more than the 1 MB of PLANWARD_OUTPUT_LIMIT_MB\. "
        r"Split the root module into smaller ones, or ask the operator to raise PLANWARD_OUTPUT_LIMIT_MB and "
        "press Re-run",
    ),
    "time": (
        {"show.sh": "exec sleep 600\n"},
        "timed_out",
        r"terraform show hit its time limit\. Split the root module into smaller ones, or ask the operator to "
        "raise PLANWARD_PLAN_TIMEOUT_S and press Re-run",
    ),
}
"""By the exceeded limit: the scripts, the conclusion, and the first line."""


def test_a_plan_over_a_limit_is_ended_and_its_first_line_names_the_limit_and_the_remedy(
    limited: Line,
) -> None:
    story = limited.story()
    numbers = {}
    for index, (what, (scripts, _, _)) in enumerate(PLANS.items()):
        files = story.network(2) | {f"network/{name}": text for name, text in scripts.items()}
        numbers[what] = story.propose(files, head=f"topic{index}")
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


def test_an_apply_that_takes_more_memory_than_it_may_is_interrupted_and_its_state_is_written(limited: Line) -> None:
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
        "raise PLANWARD_MEMORY_LIMIT_MB and press Re-run",
        first_line,
    ), first_line
    assert story.size("staging") == 2
    story.commented(number, "MB of memory, more than")
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "failure"]]


def test_after_a_killed_apply_the_report_says_that_the_state_may_be_locked(limited: Line) -> None:
    story = limited.story()
    eats = f"exec {python(f'import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {EATS}')}"
    number = story.propose(story.network(2) | {"network/apply.sh": eats})
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
