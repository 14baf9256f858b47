"""The story of a push: noted, shown at once on the commit; open pull requests are planned anew; the branch is settled.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
"""

from ghapp.durable import step
from ghapp.events import BranchPushed
from ghapp.flows.branch import adopt_before, environment_at_last, run_of_tip, runs_of_tip
from ghapp.flows.ground import adopt, config_at, fetch, see_repository, survey
from ghapp.git import Mirror
from ghapp.jobs import PlanAnew, SettleBranch
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid
from ghapp.services import Services
from ghapp.store import KnownRepository
from ghapp.values import TESTING, is_no_commit


async def branch_pushed(services: Services, event: BranchPushed) -> None:
    """A branch was moved, created or deleted."""
    await step("push", type(None), _push, services, event)


async def _push(services: Services, event: BranchPushed) -> None:
    known = await services.store.repositories.find(event.repository.id)
    repository = await see_repository(services, event.repository, event.installation_id)
    if event.deleted:
        return
    await services.store.branches.note_push(repository.id, event.branch, event.before, event.after, event.pusher.login)
    mirror = await fetch(services, repository)
    try:
        await adopt_before(services, repository, mirror, event.branch, event.before)
        if known is None and not event.created:
            await _adopt_others(services, repository, mirror, event)
        tip = await mirror.tip(event.branch) or event.after
        found = await environment_at_last(services, repository, mirror, event.branch, tip)
    except ConfigInvalid:
        found = None  # settling says so on the commit
        await services.accept(_settle(repository, event))
        return
    if found is None:
        return
    environment, _, last = found
    await _plan_pull_requests_anew(services, repository, mirror, event)
    attempts = await runs_of_tip(services, repository, environment, tip)
    if (last is None or last.sha != tip or event.forced) and not attempts:
        await run_of_tip(services, repository, environment, tip)
    await services.accept(_settle(repository, event))


def _settle(repository: KnownRepository, event: BranchPushed) -> SettleBranch:
    return SettleBranch(repository_id=repository.id, branch=event.branch, cause=f"push:{event.before}:{event.after}")


async def _adopt_others(services: Services, repository: KnownRepository, mirror: Mirror, event: BranchPushed) -> None:
    config = await config_at(mirror, repository, event.before)
    await adopt(services, repository, mirror, config)


async def _plan_pull_requests_anew(
    services: Services, repository: KnownRepository, mirror: Mirror, event: BranchPushed
) -> None:
    """Freshness: open pull requests into this branch that plan a root module which the push touches."""
    pull_requests = await services.store.pull_requests.open_into(repository.id, event.branch)
    if not pull_requests:
        return
    everything = True
    touched: frozenset[str] = frozenset()
    if not is_no_commit(event.before) and await mirror.has(event.before):
        changed = await mirror.changed_paths(event.before, event.after)
        if not changed:
            return
        try:
            config = await config_at(mirror, repository, event.after)
            ground = await survey(services, mirror, config, event.after)
            touched = frozenset(ground.touched(TESTING, changed).dirs)
            everything = CONFIG_PATH in changed
        except ConfigInvalid:
            pass
    for pull_request in pull_requests:
        runs = await services.store.runs.of_pull_request(repository.id, pull_request.number)
        planned = runs[-1].data.get("root_modules") if runs else None
        if everything or planned is None or touched.intersection(planned):
            await services.accept(
                PlanAnew(
                    repository_id=repository.id,
                    number=pull_request.number,
                    cause=f"base:{event.before}:{event.after}",
                    debounced=True,
                )
            )
