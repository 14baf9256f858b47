"""The time from a delivery to its completed check run, read from the local GitHub's memory.

Requests to read it would compete with Planward for the processors.
"""

import time

from tests.stories.story import Story


def completed(story: Story, sha: str, name: str = "planward/plan", *, patience_s: float = 600) -> float:
    """Wait until the check run is completed, and return the time of that, in seconds since 1970."""
    end = time.perf_counter() + patience_s
    while time.perf_counter() < end:
        runs = [run for run in story.repository.check_runs if run.head_sha == sha and run.name == name]
        if runs and runs[-1].status == "completed":
            assert runs[-1].conclusion == "success", (runs[-1].title, runs[-1].summary)
            return time.time()
        time.sleep(0.002)
    raise AssertionError(f"{name} was not completed")


def seconds_of_plan(story: Story, branch: str) -> float:
    """Open a pull request of this branch, and return the seconds from its delivery to its completed check run."""
    number = story.open(branch)
    sha = story.head(number)
    at = completed(story, sha)
    [delivered_at] = [
        each.delivered_at
        for each in story.github.deliveries
        if (each.event, each.action) == ("pull_request", "opened")
        and each.payload["pull_request"]["head"]["sha"] == sha
    ]
    assert delivered_at is not None
    return at - delivered_at.timestamp()
