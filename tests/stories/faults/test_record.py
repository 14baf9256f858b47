"""The reported result is the real one: if GitHub refuses a result, it is reported unchanged once GitHub accepts it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ghapp.local_github import LocalGitHub
from tests.openbao import OpenBao
from tests.stories.faults.hasty import PATIENCE, HastyLine
from tests.stories.line import Line, running_line
from tests.stories.story import Story
from tests.stories.waiting import eventually

_CALL = 2 * PATIENCE.attempts
"""The number of requests that Planward makes before it gives a call up: each attempt uses two tokens."""
_UPDATE = {401: _CALL, 403: 2, 404: 2}
"""The same for an update of a check run, if GitHub confirms afterwards that the check run is the App's."""
_APPLY = "planward/apply (staging)"
_MESSAGES = {401: "Bad credentials", 403: "Resource not accessible by integration", 404: "Not Found"}


class OddGit:
    """Git over HTTP that answers the next fetches of a repository with a status that has no known meaning."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self.repository, self.left = "", 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = self._inner
        if self.left and self.repository and self.repository in Request(scope).url.path:
            self.left -= 1
            inner = PlainTextResponse("odd", 418)
        await inner(scope, receive, send)


@pytest.fixture(scope="module")
def odd_git() -> list[OddGit]:
    """The server before git, once `record_line` runs."""
    return []


@pytest.fixture(scope="module")
def record_line(odd_git: list[OddGit], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line with the short waits of `hasty`."""

    @contextmanager
    def between(github: LocalGitHub, bao: OpenBao) -> Iterator[Mapping[str, str]]:
        odd_git.append(OddGit(github._git))
        setattr(github, "_git", odd_git[0])  # noqa: B010
        yield {}

    with running_line(tmp_path_factory.mktemp("record"), between, line_type=HastyLine) as line:
        yield line


@pytest.fixture
def story(record_line: Line) -> Iterator[Story]:
    """A repository on the line. After the test GitHub refuses nothing, and the test fails if a job was given up."""
    begun = record_line.logs.mark()
    story = record_line.story()
    story.quiet()
    yield story
    record_line.github.clear_faults()
    for event in ("job_refused", "job_failed", "run_not_shown", "run_not_ended"):
        assert record_line.events(event, begun) == []


def refuse(story: Story, method: str, path: str, status: int, times: int | None = None) -> None:
    """Have GitHub refuse these calls."""
    story.github.fail(method, path, status=status, message=_MESSAGES[status], times=times)


def planned(story: Story, files: Mapping[str, str | None] | None = None) -> int:
    number = story.propose(files)
    assert story.planned(number)["conclusion"] == "success"
    story.quiet()
    return number


def given_up(line: Line, word: str, since: int = 0) -> int:
    return len(line.events(word, since))


@pytest.mark.by_default("403")
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_deployment_that_cannot_be_created_does_not_stop_the_apply_and_is_created_later(
    story: Story, status: int
) -> None:
    number = planned(story)
    refuse(story, "POST", "/deployments$", status)
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "success"
    assert story.size("staging") == 2
    story.commented(number, "staging")
    assert story.deployments("staging") == []
    story.github.clear_faults()
    eventually(lambda: len(story.deployments("staging")) == 1, "the deployment is created")
    story.quiet()
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    assert len(story.check_runs(merged, _APPLY)) == 1


@pytest.mark.by_default("404")
@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_apply_that_failed_is_reported_as_it_failed_and_not_tried_again(story: Story, status: int) -> None:
    tried = Path(story.states) / "tried"
    number = planned(story, _failing(story, tried))
    merged = story.merge(number)
    eventually(lambda: tried.exists(), "Terraform applies")
    refuse(story, "PATCH", r"/check-runs/\d+$", status)
    begun = story.line.logs.mark()
    eventually(lambda: given_up(story.line, "job_deferred", begun), "GitHub does not take the result")
    story.github.clear_faults()
    check = story.applied(merged)
    assert check["conclusion"] == "failure"
    assert "boom" in check["output"]["summary"] + (check["output"]["text"] or "")
    story.commented(number, "boom")
    story.quiet()
    assert tried.read_text() == "tried\n"
    assert len(story.check_runs(merged, _APPLY)) == 1
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "failure"]]


def _failing(story: Story, tried: Path) -> Mapping[str, str | None]:
    extra = f"""
        resource "terraform_data" "bad" {{
          provisioner "local-exec" {{
            command = "echo tried >> {tried}; sleep 2; echo boom >&2; exit 1"
          }}
        }}
        """
    return {"network/main.tf": story.root_module("network", size=2, extra=extra)["network/main.tf"]}


@pytest.mark.by_default("401")
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_comment_that_github_refuses_is_tried_until_it_is_there(story: Story, status: int) -> None:
    number = planned(story)
    refuse(story, "POST", r"/issues/\d+/comments$", status)
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "success"
    eventually(lambda: story.deployments("staging")[0]["states"] == ["in_progress", "success"], "it is told")
    assert story.comments(number) == []
    story.github.clear_faults()
    story.commented(number, "staging")
    story.quiet()
    assert len(story.comments(number)) == 1


def test_the_comment_on_a_merge_that_is_held_is_tried_until_it_is_there(story: Story) -> None:
    begun = story.line.logs.mark()
    number = story.propose({"network/main.tf": "resource nonsense {"})
    assert story.planned(number)["conclusion"] == "failure"
    refuse(story, "POST", r"/issues/\d+/comments$", 403)
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "action_required"
    deferred = ("comment_deferred", "job_deferred")
    eventually(lambda: any(story.line.events(event, begun) for event in deferred), "it is deferred")
    story.github.clear_faults()
    story.commented(number, "Not applied")


def test_a_comment_that_somebody_deleted_is_made_again(story: Story) -> None:
    mended = Path(story.states) / "mended"
    extra = f"""
        resource "terraform_data" "waits" {{
          provisioner "local-exec" {{
            command = "test -e {mended}"
          }}
        }}
        """
    number = planned(story, {"network/main.tf": story.root_module("network", extra=extra)["network/main.tf"]})
    merged = story.merge(number)
    failed = story.applied(merged)
    assert failed["conclusion"] == "failure"
    story.commented(number, "failed")
    story.quiet()
    [comment] = story.get(f"/issues/{number}/comments")
    rest = story.line.rest(story.reviewer)
    assert rest.delete(f"/repos/{story.name}/issues/comments/{comment['id']}").status_code == 204
    mended.touch()
    story.rerun(failed, by=story.maintainer)
    assert story.applied(merged, count=2)["conclusion"] == "success"
    made_again = eventually(lambda: story.comments(number), "it is made again")
    assert len(made_again) == 1
    assert "apply failed" not in made_again[0]


@pytest.mark.by_default("403")
@pytest.mark.parametrize("status", [401, 403, 404])
def test_progress_that_github_refuses_is_left_out(story: Story, status: int) -> None:
    begun = story.line.logs.mark()
    refuse(story, "PATCH", r"/check-runs/\d+$", status, times=_UPDATE[status])
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    story.quiet()
    assert given_up(story.line, "progress_left_out", begun) == 1
    assert given_up(story.line, "job_deferred", begun) == 0


@pytest.mark.by_default("401")
@pytest.mark.parametrize("status", [401, 403])
def test_a_plan_does_not_fail_over_a_question_about_a_role(story: Story, status: int) -> None:
    begun = story.line.logs.mark()
    refuse(story, "GET", "/collaborators/[^/]+/permission$", status, times=2 * _CALL)
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"
    story.quiet()
    assert given_up(story.line, "job_deferred", begun) > 0
    assert [each["conclusion"] for each in story.check_runs(story.head(number))] == ["success"]


def test_a_merge_that_cannot_be_fetched_for_no_known_reason_is_applied_when_it_can(
    story: Story, odd_git: list[OddGit]
) -> None:
    number = planned(story)
    odd_git[0].repository, odd_git[0].left = story.name, 3
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "success"
    assert odd_git[0].left == 0
    story.quiet()
    assert len(story.check_runs(merged, _APPLY)) == 1
