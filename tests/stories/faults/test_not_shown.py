"""Runs whose check run GitHub did not accept in time: they end anyway, block nothing, and hide nothing newer."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.stories.faults.conftest import FaultyLine
from tests.stories.story import Story
from tests.stories.waiting import eventually

_OF = "where repository_id = :repository and"


def runs(faulty: FaultyLine, story: Story) -> list[dict[str, Any]]:
    """The runs of a repository, oldest first."""
    names = ("id", "operation", "head_sha", "status", "conclusion", "created_at", "data")
    rows = faulty.ask(
        f"select {', '.join(names)} from runs {_OF} true order by created_at", repository=story.repository.id
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def unshown(faulty: FaultyLine, story: Story, run: str, **columns: Any) -> None:
    """Turn a run into an unfinished one for which GitHub has not confirmed a check run."""
    more = "".join(f", {name} = :{name}" for name in columns)
    unfinished = f"update runs set status = 'in_progress', conclusion = null, check_run_id = null{more}"
    faulty.ask(f"{unfinished} {_OF} id = :run", repository=story.repository.id, run=run, **columns)


@dataclass(kw_only=True)
class Applied:
    """A repository, and its newest merge that was applied: the pull request, the SHA, and the size."""

    story: Story
    pull_request: int
    sha: str
    size: int = 2

    def next(self, faulty: FaultyLine) -> int:
        """Make a later pull request that may be merged."""
        self.size += 1
        number = self.story.propose(self.story.network(self.size), head=f"size-{self.size}")
        assert self.story.planned(number)["conclusion"] == "success"
        faulty.quiet()
        return number


@pytest.fixture(scope="module")
def applied(faulty: FaultyLine) -> Applied:
    story = faulty.line.story()
    number = story.propose(story.network(2), head="first")
    return Applied(story=story, pull_request=number, sha=story.land(number))


def unapply(faulty: FaultyLine, story: Story, merged: str) -> str:
    """Turn a commit's apply into an unfinished one without a check run, and move LAST back; returns the run's id."""
    applies = [each for each in runs(faulty, story) if each["operation"] == "apply" and each["head_sha"] == merged]
    [run] = [str(each["id"]) for each in applies]
    unshown(faulty, story, run, data="{}")
    faulty.ask(f"delete from lasts {_OF} sha = :sha", repository=story.repository.id, sha=merged)
    return run


def test_an_apply_that_could_not_be_shown_is_shown_when_another_contains_it(
    faulty: FaultyLine, applied: Applied
) -> None:
    story, first, earlier = applied.story, applied.sha, applied.pull_request
    number = applied.next(faulty)
    with faulty.down():
        unapply(faulty, story, first)
        second = story.merge(number)
    assert story.applied(second)["conclusion"] == "success"
    applied.sha, applied.pull_request = second, number
    faulty.quiet()
    check = story.check_runs(first, "planward/apply (staging)")[-1]
    assert (check["conclusion"], check["output"]["title"]) == ("cancelled", f"contained in {second[:7]}")
    assert "contained in" in story.commented(earlier, "contained in")


def test_an_apply_whose_check_run_is_not_there_holds_nothing_up(faulty: FaultyLine, applied: Applied) -> None:
    story = applied.story
    number = applied.next(faulty)
    with faulty.down():
        run = unapply(faulty, story, applied.sha)
        faulty.ask(f"update runs set check_run_id = 1 {_OF} id = :run", repository=story.repository.id, run=run)
        again = story.merge(number)
    assert story.applied(again)["conclusion"] == "success"
    applied.sha, applied.pull_request = again, number
    assert story.size("staging") == applied.size


def test_a_plan_that_was_replaced_before_it_was_shown_is_never_shown(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    faulty.quiet()
    with faulty.down():
        [run] = runs(faulty, story)
        unshown(faulty, story, run["id"], ended_by="planned again", data='{"bases": {}}')
        enqueue_plan(faulty, story, run["id"])
    eventually(lambda: runs(faulty, story)[0]["status"] == "completed", "it is ended")
    faulty.quiet()
    assert [each["conclusion"] for each in runs(faulty, story)] == ["cancelled"]
    assert [each["conclusion"] for each in story.check_runs(story.head(number))] == ["success"]


def test_a_plan_hidden_by_a_replaced_one_is_made_again(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    number = story.propose()
    story.rerun(story.planned(number))
    assert story.planned(number, count=2)["conclusion"] == "success"
    faulty.quiet()
    with faulty.down():
        taking, given_way = runs(faulty, story)
        earlier = float(taking["created_at"]) - 1
        unshown(faulty, story, given_way["id"], ended_by="planned again", created_at=earlier)
        enqueue_plan(faulty, story, given_way["id"])
    assert story.planned(number, count=3)["conclusion"] == "success"
    faulty.quiet()
    assert [each["conclusion"] for each in story.check_runs(story.head(number))] == ["success", "cancelled", "success"]


def enqueue_plan(faulty: FaultyLine, story: Story, run: str) -> None:
    """Enqueue the job of an announced run again, after deleting the finished one."""
    for table in ("operation_outputs", "workflow_status"):
        faulty.ask(f"delete from {{durable}}{table} where workflow_uuid = :key", durable=True, key=f"plan:{run}")
    job = json.dumps({"type": "plan_run", "run_id": run, "repository_id": story.repository.id})
    statement = "insert into later (key, due_at, job) values (:key, 0, :job)"
    faulty.ask(statement, key=f"plan:{run}:again", job=job)
