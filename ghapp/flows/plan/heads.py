"""The head that a plan run is about: its pull requests, what is said of them, and the report of it."""

from checks.report import Conclusion, RootReport, RunReport
from ghapp.flows.repository import blob_url
from ghapp.services import Services
from ghapp.store import KnownPullRequest, KnownRepository, Run
from ghapp.values import TESTING, CommitSha


def numbers_of(run: Run) -> tuple[int, ...]:
    """The open pull requests that shared the head when the run was announced."""
    return tuple(sorted(run.plan.bases))


def decided_sha(run: Run) -> CommitSha:
    """The commit about which people decide: the head of the pull request, also where a queue made a group of it."""
    return run.head_sha if run.group is None else run.group.head_sha


def still_about(run: Run, pull_request: KnownPullRequest) -> bool:
    """Whether a pull request is open and still has the head that the run is about."""
    return pull_request.state == "open" and pull_request.head_sha == decided_sha(run)


async def record_verdict(services: Services, run: Run, pull_request: KnownPullRequest, conclusion: str) -> None:
    """Note what `planward/plan` says of this pull request on the run's commit."""
    await services.store.pull_requests.record_verdict(
        run.repository_id,
        pull_request.number,
        base_branch=pull_request.base_branch,
        head_sha=run.head_sha,
        base_sha=run.plan.bases[pull_request.number],
        run_id=run.id,
        conclusion=conclusion,
    )


async def record_verdicts(services: Services, run: Run, conclusion: str) -> None:
    """Note what `planward/plan` says of all that the run is about."""
    for number in numbers_of(run):
        pull_request = await services.store.pull_requests.find(run.repository_id, number)
        if pull_request is not None and still_about(run, pull_request):
            await record_verdict(services, run, pull_request, conclusion)


def report_plan_run(
    services: Services,
    repository: KnownRepository,
    run: Run,
    conclusion: Conclusion,
    cause: str | None,
    *,
    notes: tuple[str, ...] = (),
    roots: tuple[RootReport, ...] = (),
    previews: tuple[RootReport, ...] = (),
    paste: str | None = None,
) -> RunReport:
    """What people see of a plan run; `cause` is the first line of anything but a success."""
    return RunReport(
        operation="plan",
        environment=TESTING,
        repository=repository.full_name,
        commit_sha=run.head_sha,
        conclusion=conclusion,
        cause=cause,
        notes=notes,
        roots=roots,
        previews=previews,
        paste=paste,
        blob_url=blob_url(repository, run.head_sha),
        run_url=services.run_url(run.id),
    )
