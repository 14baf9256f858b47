"""Planward is killed or stopped while Terraform runs: Terraform ends, too, and no state stays locked."""

import contextlib
import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.databases import POSTGRESQL, SQLITE
from tests.stories.faults.below import descendants, processes_with
from tests.stories.faults.conftest import FaultyLine
from tests.stories.rules.saying import answered
from tests.stories.rules.state_server import state_server
from tests.stories.story import Story
from tests.stories.waiting import eventually

KINDS = [SQLITE, POSTGRESQL]
_NEW_ID = "/proc/sys/kernel/random/uuid"


@pytest.mark.both_databases
@pytest.mark.by_default("9")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_apply_is_planned_again_and_applied(faulty: FaultyLine, number: signal.Signals) -> None:
    story = faulty.line.story()
    begun, go_on = story.states / "begun", story.states / "go on"
    pull_request = story.propose(waiting(story, begun, go_on))
    assert story.planned(pull_request)["conclusion"] == "success"
    merged = story.merge(pull_request)
    eventually(lambda: begun.exists(), "Terraform applies")
    first = begun.read_text().strip()
    process = faulty.process
    process.send_signal(number)
    process.wait(timeout=60)
    eventually(lambda: begun.read_text().strip() not in ("", first), "Terraform applies again")
    assert not processes_with(first)
    go_on.touch()
    check = story.applied(merged)
    assert check["conclusion"] == "success"
    faulty.quiet()
    assert len(story.check_runs(merged, "planward/apply (staging)")) == 1
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    assert len(story.comments(pull_request)) == 1
    assert story.size("staging") == 2
    assert not any((faulty.line.directory / "data" / "runs").glob("*/d")), "no directory with secrets is left"


def test_the_lock_that_a_lost_machine_left_is_named_with_a_way_to_unlock_and_not_forced(faulty: FaultyLine) -> None:
    with state_server() as states:
        story = faulty.line.story()
        begun, go_on = story.states / "begun", story.states / "go on"
        files = {"network/main.tf": waiting(story, begun, go_on)["network/main.tf"].replace('"local"', '"http"')}
        for environment in ("testing", "staging", "production"):
            files[f"network/env/{environment}.backend.hcl"] = states.backend(f"{story.owner}-{environment}")
        pull_request = story.propose(files)
        assert story.planned(pull_request)["conclusion"] == "success"
        merged = story.merge(pull_request)
        eventually(lambda: begun.exists(), "Terraform applies")
        [lock] = states.locks.values()
        lose_machine(faulty)
        go_on.touch()
        check = story.applied(merged)
        said = f"{check['output']['title']} {story.first_line(check)}"
        assert check["conclusion"] == "failure"
        assert lock["ID"] in said
        assert "planward unlock -d network -e staging" in said
        assert [*states.locks.values()] == [lock]
        comment = story.comment(pull_request, "planward unlock -d network -e staging", by=story.maintainer)
        assert answered(story, comment) == "+1"
        assert not states.locks
        story.rerun(check, by=story.maintainer)
        assert story.applied(merged, count=2)["conclusion"] == "success"
        faulty.quiet()
        assert not states.locks
        kept = json.loads(states.states[f"/{story.owner}-staging"])
        assert sorted(each["name"] for each in kept["resources"]) == ["net", "waits"]
        assert [each["states"][:2] for each in story.deployments("staging")] == [
            ["in_progress", "failure"],
            ["in_progress", "success"],
        ]
        assert len(story.comments(pull_request)) == 2  # the command, and Planward's one


def lose_machine(faulty: FaultyLine) -> None:
    """Kill Planward, its keeper, Terraform and all their programs at once, as a power cut would."""
    process = faulty.process
    for number in (signal.SIGSTOP, signal.SIGKILL):  # so that no process can react to the end of another
        for pid in (process.pid, *(int(words[0]) for words in descendants(process.pid))):
            with contextlib.suppress(ProcessLookupError):  # the shell's `sleep` has ended meanwhile
                os.kill(pid, number)
    process.wait(timeout=60)


def waiting(story: Story, begun: Path, go_on: Path) -> dict[str, str]:
    """`network` with a resource that waits for the file `go_on`. First, it writes a word of its command to `begun`."""
    extra = f"""\
resource "terraform_data" "waits" {{
  provisioner "local-exec" {{
    command = "id=$(cat {_NEW_ID}); echo $id > '{begun}'; sh -c \\"until test -e '{go_on}'; do sleep 0.1; done\\" $id"
  }}
}}
"""
    return {"network/main.tf": story.root_module("network", size=2, extra=extra)["network/main.tf"]}


def test_an_interrupted_plan_is_made_again(faulty: FaultyLine) -> None:
    story = faulty.line.story(testing=True)  # two plans, of which one may have ended before
    faulty.kill_at(r"terraform \w+ without lock: (before|during|after)|terraform show: before", signal.SIGTERM)
    number = story.propose()
    check = story.planned(number)
    assert len(faulty.calm()) == 4
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add in staging")
    faulty.quiet()
    assert len(story.check_runs(story.head(number))) == 1


def test_no_program_outlives_its_process(faulty: FaultyLine) -> None:
    faulty.quiet()
    serve = Path(f"/proc/{faulty.process.pid}/cmdline").read_text().split("\0")

    def programs() -> list[str]:
        below = descendants(faulty.process.pid)
        # The worker, and what it was forked from, have the command line of `serve`.
        return [re.sub(r".*/", "", words[4]) for words in below if words[1:] != serve]

    eventually(lambda: programs() == ["keeper.py"], "beside the worker the keeper is all that runs")
