"""GitHub's rate limits: gates continue, other calls are deferred, nothing is lost."""

import asyncio
import contextlib

import pytest

from ghapp.local_github import Limits
from ghapp.sealing import Sealer, load_or_make_key
from ghapp.settings import read_settings
from ghapp.store import Store
from tests.stories.line import Line
from tests.stories.story import Story
from tests.stories.waiting import eventually

FAILS = """
resource "terraform_data" "fails" {
  provisioner "local-exec" {
    command = "exit 1"
  }
}
"""


def refusals(story: Story) -> int:
    """The number of requests of this installation that GitHub refused."""
    who = f"installation {story.installation.id}"
    return sum(each.actor == who and each.status in (403, 429) for each in story.github.requests)


def spend(story: Story, number: int) -> None:
    """Use up requests of the installation, as another process would."""
    tokens = story.github.world.installation_tokens
    token = next(value for value, made in tokens.items() if made.installation.id == story.installation.id)
    with story.github.rest() as rest:
        for _ in range(number):
            answer = rest.get("/installation/repositories", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text


@pytest.mark.both_databases
def test_when_the_hour_is_used_up_the_job_resumes_in_the_next(line: Line) -> None:
    story = line.story()
    line.github.set_limits(Limits(requests_an_hour=3, hour_s=6), installation=story.installation)
    number = story.propose()
    check = story.planned(number)
    assert check["conclusion"] == "success"
    assert len(story.check_runs(story.head(number))) == 1
    # Another request of Planward may have been under way already when the last one of the hour was answered.
    assert refusals(story) <= 1
    line.github.set_limits(Limits(requests_an_hour=None), installation=story.installation)
    story.quiet()


def test_near_the_end_of_the_hour_an_apply_continues_and_its_comment_comes_later_or_at_once_if_it_failed(
    line: Line,
) -> None:
    story = line.story()
    number = story.propose()
    assert story.planned(number)["conclusion"] == "success"

    # A person who pushes again is not queried again.
    story.commit("topic", story.network(3))
    assert story.planned(number)["conclusion"] == "success"
    story.quiet()
    path = f"/repos/{story.name}/collaborators/{story.author}/permission"
    assert [each.status for each in story.github.requests if each.path == path] == [200, 304]

    line.github.set_limits(Limits(requests_an_hour=40), installation=story.installation)
    spend(story, 32)
    merged = story.merge(number)
    assert story.applied(merged)["conclusion"] == "success"
    story.quiet()
    assert story.comments(number) == []
    assert [each["states"] for each in story.deployments("staging")] == [["in_progress", "success"]]
    deferred = f"comment:{story.repository.id}:{number}"
    assert len([each for each in line.events("comment_deferred") if each["job"].startswith(deferred)]) == 1

    # A new hour begins, and the comment is due. Planward learns of the new limit from GitHub's next answer.
    line.github.set_limits(Limits(), installation=story.installation)
    fails = story.root_module("network", size=3, extra=FAILS)
    failing = story.propose({"network/main.tf": fails["network/main.tf"]}, head="fails")
    assert story.planned(failing)["conclusion"] == "success"
    asyncio.run(hasten(line, deferred))
    eventually(lambda: story.comments(number), "the comment is made")
    story.quiet()
    assert len(story.comments(number)) == 1
    assert refusals(story) == 0

    line.github.set_limits(Limits(requests_an_hour=60), installation=story.installation)
    spend(story, 54)
    merged = story.merge(failing)
    assert story.applied(merged)["conclusion"] == "failure"
    story.quiet()
    assert len(story.comments(failing)) == 1
    again = f"comment:{story.repository.id}:{failing}"
    assert [each for each in line.events("comment_deferred") if each["job"].startswith(again)] == []
    line.github.set_limits(Limits(requests_an_hour=None), installation=story.installation)


async def hasten(line: Line, key: str) -> None:
    """Make a deferred job due at once."""
    settings = read_settings(line.environ)
    with contextlib.closing(Store(settings.database_url, Sealer([load_or_make_key(settings.data_dir)]))) as store:
        await store.deferred.make_due(key)
