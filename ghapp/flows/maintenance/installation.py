"""The flow of the App's installations: the App is installed, suspended or removed, or its repositories change.

Open pull requests of a new repository are planned.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#installation
"""

from collections.abc import Sequence
from typing import assert_never

from ghapp.durable import step
from ghapp.events import InstallationChanged, RepositoriesChanged, RepositoryChanged, RepositoryRef
from ghapp.flows.check_run import cancel_plan
from ghapp.flows.environments import adopt_branches, is_adopted
from ghapp.flows.maintenance.cleanup import enqueue_cleanup
from ghapp.flows.repository import FetchedRepo, known_pull_request, record_repo
from ghapp.jobs import PARKED, Discover, Replan, SettleBranch
from ghapp.jobs.causes import Discovered
from ghapp.repository_config import ConfigInvalid
from ghapp.services import Services
from ghapp.store.marker_kinds import Adopted
from ghapp.values import TESTING, BranchName, InstallationId, RepositoryId


async def installation_changed(services: Services, event: InstallationChanged, key: str) -> None:
    """The App was installed, removed, suspended or unsuspended."""
    await step("installation", type(None), _installation, services, event, key)


async def repositories_changed(services: Services, event: RepositoriesChanged, key: str) -> None:
    """Repositories were added to an installation or removed from it."""
    await step("repositories", type(None), _repositories, services, event, key)


async def repository_changed(services: Services, event: RepositoryChanged) -> None:
    """A repository was renamed, transferred, archived or deleted."""
    await step("repository", type(None), _repository, services, event)


async def discover(services: Services, job: Discover) -> None:
    """Adopt a repository's branches and plan its open pull requests, since no event arrives for them."""
    await step("discover", type(None), _discover, services, job)


async def _installation(services: Services, event: InstallationChanged, key: str) -> None:
    match event.action:
        case "created" | "unsuspend" | "new_permissions_accepted":
            await services.store.deferred.make_due(PARKED)
            await _add(services, event.installation_id, event.repositories, key)
        case "deleted" | "suspend":
            deleted = event.action == "deleted"
            by = "the App is no longer installed here" if deleted else "the App was suspended"
            for repository in await services.store.repositories.all_of(event.installation_id):
                await _stop_working_on(services, repository.id, by=by, for_good=deleted)
        case _ as never:
            assert_never(never)


async def _repositories(services: Services, event: RepositoriesChanged, key: str) -> None:
    await _add(services, event.installation_id, event.added, key)
    for repository in event.removed:
        await _stop_working_on(services, repository.id, by="the App is no longer installed here", for_good=True)


async def _repository(services: Services, event: RepositoryChanged) -> None:
    known = await services.store.repositories.find(event.repository.id)
    if known is None:
        return
    if event.action in ("deleted", "archived"):
        by, for_good = f"the repository was {event.action}", event.action == "deleted"
        await _stop_working_on(services, known.id, by=by, for_good=for_good)
    else:
        await record_repo(services, event.repository, event.installation_id or known.installation_id)


async def _add(
    services: Services, installation_id: InstallationId, repositories: Sequence[RepositoryRef], key: str
) -> None:
    for repository in repositories or await services.github.repositories(installation_id):
        await services.enqueue(
            Discover(
                repository_id=repository.id,
                full_name=repository.full_name,
                installation_id=installation_id,
                cause=key,
            )
        )


async def _stop_working_on(services: Services, repository: RepositoryId, *, by: str, for_good: bool) -> None:
    """Stop all work on a repository; with `for_good`, also erase its data."""
    await services.store.repositories.deactivate(repository, for_good=for_good)
    for run in await services.store.runs.unfinished_in(repository):
        await services.store.runs.cancel(run.id, reason=by)
    if for_good:
        await enqueue_cleanup(services, 0)  # the cleanup erases stored reports, logs and plan files


async def _discover(services: Services, job: Discover) -> None:
    ref = RepositoryRef(id=job.repository_id, full_name=job.full_name)
    github = await services.github.repository(InstallationId(job.installation_id), ref)
    repo = await record_repo(services, await github.repository(), InstallationId(job.installation_id))
    repo = await repo.fetch()
    await _adopt_all(repo)
    seen = await (await repo.github()).open_pull_requests()
    for pull_request in seen:
        await services.store.pull_requests.record(known_pull_request(repo.id, pull_request))
        runs = await services.store.runs.unfinished_plans(repo.id, pull_request.number)
        planned = (run for run in runs if run.cancel_reason is None)
        if any(run.head_sha == pull_request.head.sha for run in planned):
            continue  # the pull request's own delivery arrived first
        await services.enqueue(Replan(repository_id=repo.id, number=pull_request.number, cause=job.key))
    numbers = {pull_request.number for pull_request in seen}
    known = await services.store.pull_requests.all_open(repo.id)
    gone = tuple(each.number for each in known if each.number not in numbers)
    await services.store.pull_requests.close_unmerged(repo.id, gone)
    for number in gone:
        for run in await services.store.runs.unfinished_plans(repo.id, number):
            await cancel_plan(services, run, by="the pull request was closed")


async def _adopt_all(repo: FetchedRepo) -> None:
    """Adopt the environments in the default branch's config, and those in the configs of the branches that it names.

    The configs of those branches may name further branches, and so on. A branch that only its own config names is not
    adopted. Each repository is adopted only once.

    Then settle the branches whose tip is not LAST: pushes during a suspension are judged like any push.
    """
    default = BranchName(repo.known.default_branch)
    first = not await is_adopted(repo)
    asked, branches = {default}, [default]
    for branch in branches:
        tip = await repo.mirror.tip(branch)
        if tip is None:
            continue
        try:
            config = await repo.config_at(tip)
        except ConfigInvalid:
            continue  # nothing can be adopted under an invalid config; a later push is held
        if first:
            await adopt_branches(repo, config)
        named = {each.branch for each in config.branch_environments.values()}
        branches += sorted(named - asked)
        asked |= named
    await repo.store.markers.keep(Adopted(repo.id), True)
    for last in await repo.store.branches.all_last(repo.id):
        tip = await repo.mirror.tip(last.branch)
        if last.environment != TESTING and tip not in (None, last.sha):
            cause = Discovered(tip=tip, last=last.sha)
            await repo.services.enqueue(SettleBranch(repository_id=repo.id, branch=last.branch, cause=cause))
