"""Each environment has one apply at a time. Only a person who may apply can remove the lock of a dead run."""

import pytest

from tests.stories.line import Line
from tests.stories.rules.saying import answered, audit, green
from tests.stories.rules.state_server import state_server
from tests.stories.rules.test_explained import waiting_for
from tests.stories.waiting import eventually


@pytest.mark.both_databases
def test_testing_takes_one_apply_at_a_time_also_from_two_branches(line: Line) -> None:
    config = """\
        environments:
          testing: {apply: on_merge}
          staging: {branch: staging, preview: never}
          other: {branch: other, preview: never}
        """
    story = line.story(config=config, branches=("staging", "other"), installed=False, testing=True)
    backend = {"network/env/other.backend.hcl": f'path = "{story.state_path("network", "other")}"\n'}
    for branch in ("staging", "other"):
        story.commit(branch, backend, by=story.reviewer)
    story.install()
    switch = story.states / "let-go"
    slow = story.propose(waiting_for(story, switch), head="slow")
    other = story.propose(story.network(3), head="quick", base="other")
    for number in (slow, other):
        green(story.planned(number))
    first = story.merge(slow)
    eventually(lambda: story.deployments("testing"), "testing is being applied")
    second = story.merge(other)
    name = "planward/apply (other)"
    eventually(
        lambda: (
            [each["output"]["title"] for each in story.check_runs(second, name)]
            == ["Waiting for the apply of another branch"]
        ),
        "the other branch waits for testing",
    )
    assert len(story.deployments("testing")) == 1
    switch.touch()
    green(story.applied(first))
    green(story.applied(second, "other"))
    assert [each["states"][:2] for each in story.deployments("testing")] == [["in_progress", "success"]] * 2
    assert story.size("testing") == story.size("other") == 3
    assert story.size("staging") == 2


def test_the_lock_of_a_dead_run_is_removed_by_who_may_apply_and_by_nobody_else(line: Line) -> None:
    with state_server() as states:
        story = line.story(files={})
        files = {name: text.replace('"local"', '"http"') for name, text in story.root_module("network").items()}
        for environment in ("testing", "staging", "production"):
            files[f"network/env/{environment}.backend.hcl"] = states.backend(f"{story.owner}-{environment}")
        number = story.propose(files)
        applied = story.applied(story.land(number))["output"]
        assert "the backend cannot list workspaces" in applied["summary"] + (applied["text"] or "")

        def ask(command: str, by: str) -> str:
            return answered(story, story.comment(number, f"planward unlock -d {command} -e staging", by=by))

        assert ask("network", story.maintainer) == "confused"  # nothing is locked
        states.leave_lock(f"{story.owner}-staging")
        assert ask("network", story.author) == "-1"
        assert ask("elsewhere", story.maintainer) == "confused"
        assert states.locks
        assert ask("network", story.maintainer) == "+1"
        assert not states.locks
        assert [did for _, did, _ in audit(story)] == ["unlock", "refused: unlock", "unlock", "unlock"]
