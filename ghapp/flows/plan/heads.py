"""The head of a plan run, its pull requests, and their verdicts."""

from ghapp.services import Services
from ghapp.store import KnownPullRequest, Run
from ghapp.values import CommitSha


def numbers_of(run: Run) -> tuple[int, ...]:
    """The open pull requests that shared the head when the run was announced."""
    return tuple(sorted(run.plan.bases))


def decided_sha(run: Run) -> CommitSha:
    """The commit that people decide about: for a merge queue's group, the head of its pull request."""
    return run.head_sha if run.group is None else run.group.head_sha


def is_open_with_head(run: Run, pull_request: KnownPullRequest) -> bool:
    """Whether a pull request is open and still has this run's head."""
    return pull_request.state == "open" and has_head(run, pull_request)


def has_head(run: Run, pull_request: KnownPullRequest) -> bool:
    """Whether a pull request has this run's head, or had it when it was closed."""
    return pull_request.head_sha == decided_sha(run)


async def record_verdict(
    services: Services, run: Run, pull_request: KnownPullRequest, conclusion: str, *, at: float
) -> None:
    """Record the `planward/plan` conclusion that GitHub now shows on the run's commit, for this pull request.

    `at` is the time when GitHub began to show it.
    """
    await services.store.pull_requests.record_verdict(
        run.repository_id,
        pull_request.number,
        base_branch=pull_request.base_branch,
        head_sha=run.head_sha,
        base_sha=run.plan.bases[pull_request.number],
        run_id=run.id,
        conclusion=conclusion,
        at=at,
    )


async def record_started(services: Services, run: Run) -> None:
    """If the run has a check run, record for all its pull requests that GitHub shows the run as in progress."""
    if run.check_run_id is not None:
        await record_verdicts(services, run, "in_progress", at=run.state.check_run.shown_at or services.store.clock())


async def record_verdicts(services: Services, run: Run, conclusion: str, *, at: float) -> None:
    """Record a conclusion as `record_verdict` does, for all pull requests of the run that still have its head."""
    for number in numbers_of(run):
        pull_request = await services.store.pull_requests.find(run.repository_id, number)
        if pull_request is not None and is_open_with_head(run, pull_request):
            await record_verdict(services, run, pull_request, conclusion, at=at)
