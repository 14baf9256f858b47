"""The consequences of a moved ref: deliveries, check suites, and changes to the branch's pull requests."""

from __future__ import annotations

from ghapp.local_github import events, pulls
from ghapp.local_github.git import NO_SHA
from ghapp.local_github.state import Account, Activity, ActivityType, CheckSuite, PullRequest, Repository
from ghapp.local_github.world import World

QUEUE_PREFIX = "gh-readonly-queue/"


def ref_moved(
    world: World,
    repository: Repository,
    ref: str,
    before: str,
    after: str,
    sender: Account,
    *,
    merged: PullRequest | None = None,
    from_queue: bool = False,
) -> None:
    """Apply the consequences of a moved ref.

    `merged` is the pull request whose merge moved it. `from_queue` says that a merge queue moved it.
    """
    repository.pushed_at = repository.updated_at = world.now()
    if not ref.startswith(("refs/heads/", "refs/tags/")):
        return
    forced = NO_SHA not in (before, after) and not repository.git.is_ancestor(before, after)
    events.push(world, repository, ref, before, after, sender, forced=forced)
    if not ref.startswith("refs/heads/"):
        return
    kind: ActivityType = "force_push" if forced else "push"
    if NO_SHA in (before, after):
        kind = "branch_creation" if before == NO_SHA else "branch_deletion"
    elif merged is not None or from_queue:
        kind = "merge_queue_merge" if from_queue else "pr_merge"
    repository.activities.append(
        Activity(
            id=world.new_id(),
            activity_type=kind,
            ref=ref,
            before=before,
            after=after,
            actor=sender,
            at=repository.pushed_at,
        )
    )
    branch = ref.removeprefix("refs/heads/")
    if after == NO_SHA:
        _branch_deleted(world, repository, branch, sender)
        return
    request_suites(world, repository, branch, before, after, sender)
    for pull in _open_pulls(world):
        if pull.head_repository is repository and pull.head_ref == branch and pull.head_sha != after:
            pulls.synchronize(world, pull, after, sender)
        if pull.repository is repository and pull.base_ref == branch and pull is not merged:
            _merge_indirectly(world, pull, before, after, sender)


def _open_pulls(world: World) -> list[PullRequest]:
    return [pull for repository in world.repositories.values() for pull in repository.pulls if pull.state == "open"]


def _branch_deleted(world: World, repository: Repository, branch: str, sender: Account) -> None:
    for pull in _open_pulls(world):
        is_head = pull.head_repository is repository and pull.head_ref == branch
        is_base = pull.repository is repository and pull.base_ref == branch
        if is_head or is_base:
            pulls.close(world, pull, sender)


def _merge_indirectly(world: World, pull: PullRequest, before: str, after: str, sender: Account) -> None:
    """GitHub marks a pull request as merged once its head is reachable from its base, whatever protects the base."""
    git = pull.repository.git
    if not git.is_ancestor(pull.head_sha, after):
        return
    entered = git.commits("--first-parent", "--ancestry-path", f"{pull.head_sha}..{after}")
    chain = [commit.sha for commit in entered if git.is_ancestor(pull.head_sha, commit.sha)]
    on_chain = {
        commit.sha for commit in git.commits("--first-parent", after, *([f"^{before}"] if before != NO_SHA else []))
    }
    pull.merge_commit_sha = pull.head_sha if pull.head_sha in on_chain or not chain else chain[-1]
    pull.merged_at, pull.merged_by = world.now(), sender
    pulls.close(world, pull, sender)


def request_suites(world: World, repository: Repository, branch: str, before: str, after: str, sender: Account) -> None:
    """Create a check suite for a pushed head for each App with `checks: write`, and send `check_suite.requested`."""
    if branch.startswith(QUEUE_PREFIX):
        return
    for installation in list(world.installations.values()):
        if world.installation_of(installation.app, repository) is not installation:
            continue
        if installation.permissions.get("checks") != "write" or installation.suspended_at is not None:
            continue
        if not any(suite.head_sha == after and suite.app is installation.app for suite in repository.suites):
            suite = new_suite(world, repository, installation.app.id, after, branch=branch, before=before)
            events.check_suite(world, repository, suite, "requested", sender)


def new_suite(
    world: World, repository: Repository, app_id: int, sha: str, *, branch: str | None, before: str | None = None
) -> CheckSuite:
    now = world.now()
    suite = CheckSuite(
        id=world.new_id(),
        app=world.apps[app_id],
        head_sha=sha,
        head_branch=branch,
        before=before,
        after=sha if before is not None else None,
        created_at=now,
        updated_at=now,
    )
    repository.suites.append(suite)
    return suite
