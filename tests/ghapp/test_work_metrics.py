"""A worker's metrics for Prometheus."""

import asyncio

import pytest

from ghapp.values import RepositoryId
from ghapp.work_metrics import WorkMetrics


def count_of(metrics: WorkMetrics, line: str) -> float:
    """The value of a sample, 0 if there is none."""
    found = [each for each in metrics.exposition().splitlines() if each.startswith(line + " ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_jobs_slots_and_requests_to_github_are_counted() -> None:
    metrics = WorkMetrics()
    with metrics.job("event"):
        pass
    with pytest.raises(OSError), metrics.job("event"):
        raise OSError
    metrics.github_request("GET", "/repos/{owner}/{repo}", 200)

    def root_runs() -> tuple[float, float]:
        return count_of(metrics, "planward_root_runs_going_on"), count_of(metrics, "planward_root_runs_waiting")

    async def three_for_two() -> list[tuple[float, float]]:
        places = metrics.slots(2)
        claims = [places.claim(RepositoryId(number), "plan") for number in range(3)]
        taking = [asyncio.create_task(claim.take()) for claim in claims]
        await asyncio.wait(taking[:2])
        full = root_runs()
        claims[0].give_back()
        await taking[2]
        for claim in claims:
            claim.give_back()
        return [full, root_runs()]

    assert asyncio.run(three_for_two()) == [(2.0, 1.0), (0.0, 0.0)]
    assert count_of(metrics, 'planward_jobs_total{end="done",kind="event"}') == 1
    assert count_of(metrics, 'planward_jobs_total{end="failed",kind="event"}') == 1
    sample = 'planward_github_requests_total{method="GET",path="/repos/{owner}/{repo}",status="200"}'
    assert count_of(metrics, sample) == 1


def test_the_remaining_github_budget_is_shown() -> None:
    metrics = WorkMetrics()
    metrics.github_deferred("cosmetic", "reserved")
    left = [0.25]
    metrics.watch_github_budget(lambda: left[0])
    assert count_of(metrics, 'planward_github_put_off_total{priority="cosmetic",reason="reserved"}') == 1
    assert count_of(metrics, "planward_github_budget_left") == 0.25
    left = [0.5]
    assert count_of(metrics, "planward_github_budget_left") == 0.5
