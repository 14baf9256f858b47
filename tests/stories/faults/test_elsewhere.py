"""A second machine resumes the work of a first one without any of its files."""

import shutil

from tests.stories.faults.conftest import FaultyLine


def test_work_for_a_repository_without_a_mirror_is_resumed(faulty: FaultyLine) -> None:
    story = faulty.line.story()
    mirrors = faulty.line.directory / "data" / "mirrors"
    faulty.kill_at("step prepare: recorded", held_down=True)
    number = story.propose(story.network(2))
    with faulty.ended_at("step prepare: recorded"):
        shutil.rmtree(mirrors)  # with the tree that the pull request merges to, which only this machine had
    check = story.planned(number)
    assert (check["conclusion"], check["output"]["title"]) == ("success", "1 to add in staging")
    faulty.kill_at("step begin staging: recorded", held_down=True)
    merged = story.merge(number)
    with faulty.ended_at("step begin staging: recorded"):
        shutil.rmtree(mirrors)
    assert story.applied(merged)["conclusion"] == "success"
    assert story.size("staging") == 2
