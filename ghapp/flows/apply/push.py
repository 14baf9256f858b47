"""The flow of a push: record it, show it on the commit, plan open pull requests again, and settle the branch.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
"""

import asyncio

from ghapp.durable import step
from ghapp.events import BranchPushed
from ghapp.flows.apply.attempts import next_attempt
from ghapp.flows.check_run import runs_of_tip
from ghapp.flows.environments import adopt, adopt_state_before, environment_at_last
from ghapp.flows.repository import FetchedRepo, Repo, record_repo
from ghapp.flows.survey import survey_tree
from ghapp.git import GitError, Mirror
from ghapp.jobs import Replan, SettleBranch
from ghapp.jobs.causes import Pushed
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid
from ghapp.services import Services
from ghapp.store import KnownPullRequest
from ghapp.values import TESTING, BranchName, is_no_commit


async def branch_pushed(services: Services, event: BranchPushed) -> None:
    """A branch was moved, created or deleted."""
    await step("push", type(None), _push, services, event)


async def _push(services: Services, event: BranchPushed) -> None:
    known = await services.store.repositories.find(event.repository.id)
    repo = await record_repo(services, event.repository, event.installation_id)
    if event.deleted:
        return
    await services.store.branches.record_push(
        repo.id, event.branch, event.before, event.after, event.pusher.login, event.pusher.id or None
    )
    repo = await repo.fetch()
    try:
        await adopt_state_before(repo, event.branch, event.before)
        if known is None and not event.created:
            await _adopt_all(repo, event)
        tip = await repo.mirror.tip(event.branch) or event.after
        found = await environment_at_last(repo, event.branch, tip)
    except ConfigInvalid:
        found = None  # `settle_branch` shows the problem on the commit if there is a LAST
        await services.enqueue(_settle_job(repo, event))
        return
    if found is None:
        return
    environment, _, last = found
    if event.forced and last is not None and last.sha == tip:
        # The branch was forced back to LAST: a check run says that there is nothing to apply.
        await next_attempt(repo, environment.name, event.branch, tip)
    for commit in dict.fromkeys((event.after, tip)):
        # Even a commit that a newer push already contains gets a check run, which says so.
        is_last = last is not None and last.sha == commit
        if not is_last and not await runs_of_tip(repo, environment.name, commit):
            await next_attempt(repo, environment.name, event.branch, commit)
    await services.enqueue(_settle_job(repo, event))
    # Plan pull requests again only now: their plans wait for the end of the apply, so its run has to exist first.
    await _replan_pull_requests(repo, event)


def _settle_job(repo: Repo, event: BranchPushed) -> SettleBranch:
    return SettleBranch(
        repository_id=repo.id, branch=event.branch, cause=Pushed(before=event.before, after=event.after)
    )


async def _adopt_all(repo: FetchedRepo, event: BranchPushed) -> None:
    config = await repo.config_at(event.before)
    await adopt(repo, config)


async def _replan_pull_requests(repo: FetchedRepo, event: BranchPushed) -> None:
    """Make new plans of the open pull requests into this branch that plan a root module that the push touches."""
    pull_requests = await repo.store.pull_requests.open_into(repo.id, event.branch)
    if not pull_requests:
        return
    everything = True
    touched: frozenset[str] = frozenset()
    if not is_no_commit(event.before) and await repo.mirror.has(event.before):
        changed = await repo.mirror.changed_paths(event.before, event.after)
        if not changed:
            return
        try:
            config = await repo.config_at(event.after)
            survey = await survey_tree(repo, config, event.after)
            environment = config.environment_of_branch(event.branch)
            names = {TESTING} if environment is None else {TESTING, environment.name}
            found = [await asyncio.to_thread(survey.touched, name, changed) for name in names]
            touched = frozenset(directory for each in found for directory in each.dirs)
            # The whole tree of a promotion is compared, so any change of its base matters.
            promotion = environment is not None and environment.promote_from is not None
            everything = promotion or CONFIG_PATH in changed
        except ConfigInvalid:
            pass
    due: list[KnownPullRequest] = []
    for pull_request in pull_requests:
        if await _is_merge_of(repo.mirror, event, pull_request) or await _is_queued_on_top(
            repo.mirror, event, pull_request
        ):
            continue
        newest = await repo.store.runs.newest_plan(repo.id, pull_request.number)
        planned = newest.plan.root_modules if newest is not None else None
        if everything or planned is None or touched.intersection(planned):
            due.append(pull_request)
    if not due or await _has_merge_queue(repo, event.branch):
        return
    for pull_request in due:
        await repo.services.enqueue(
            Replan(
                repository_id=repo.id,
                number=pull_request.number,
                cause=f"base:{event.before}:{event.after}",
                debounced=True,
            )
        )


async def _has_merge_queue(repo: FetchedRepo, branch: BranchName) -> bool:
    """Whether a merge queue merges the branch's pull requests.

    If so, a push does not cause new plans of the pull requests, because the queue's groups are planned.
    """
    prefix = f"gh-readonly-queue/{branch}/"
    if any(each.startswith(prefix) for each in await repo.mirror.branches()):
        return True
    github = await repo.github()
    return await github.requires_merge_queue(branch)


async def _is_merge_of(mirror: Mirror, event: BranchPushed, pull_request: KnownPullRequest) -> bool:
    """Whether the push looks like the pull request's own merge, whose `closed` event has not arrived yet."""
    if is_no_commit(event.before) or not await mirror.has(pull_request.head_sha):
        return False
    try:
        tree = await mirror.merge_tree(event.before, pull_request.head_sha)
        return tree == await mirror.tree_of(event.after)
    except GitError:
        return False


async def _is_queued_on_top(mirror: Mirror, event: BranchPushed, pull_request: KnownPullRequest) -> bool:
    """Whether a merge queue's group that is built on the pushed commit contains the pull request.

    If so, the group is planned instead of the pull request.
    """
    prefix = f"gh-readonly-queue/{event.branch}/pr-{pull_request.number}-"
    groups = [tip for branch, tip in (await mirror.branches()).items() if branch.startswith(prefix)]
    for group in groups:
        if await mirror.is_ancestor(event.after, group) and await mirror.is_ancestor(pull_request.head_sha, group):
            return True
    return False
