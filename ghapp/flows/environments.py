"""A branch and its environment: which one it stands for, and the state before Planward's first contact."""

import contextlib
from typing import NamedTuple

from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.git import GitError
from ghapp.repository_config import BranchEnvironment, ConfigInvalid, RepositoryConfig
from ghapp.store import Last
from ghapp.store.marker_kinds import Adopted
from ghapp.values import BranchName, CommitSha, is_no_commit


class EnvironmentInForce(NamedTuple):
    """An environment according to the config that decides about it."""

    environment: BranchEnvironment
    config: RepositoryConfig
    """The config at LAST, or at the branch's tip if there is no LAST yet."""
    last: Last | None


class InForce(NamedTuple):
    """A config that defines environments, and its location."""

    config: RepositoryConfig
    commit: CommitSha
    branch: BranchName


async def adopt_before(repo: FetchedRepo, branch: BranchName, before: CommitSha) -> None:
    """If a push is the first event of a repository: adopt the state before it, and judge the push."""
    if await is_adopted(repo):
        return  # the branch is newer than that, and is held
    if await repo.store.branches.last_of_branch(repo.id, branch) is not None:
        return
    if is_no_commit(before) or not await repo.mirror.has(before):
        return
    config = await repo.config_at(before)
    environment = config.environment_of_branch(branch)
    if environment is not None:
        tree = await repo.mirror.tree_of(before)
        await repo.store.branches.move_last(repo.id, environment.name, branch, before, tree, applied=False)


async def environment_at_last(repo: FetchedRepo, branch: BranchName, tip: CommitSha) -> EnvironmentInForce | None:
    """The environment that a branch stands for, by the config at LAST, or at the tip if there is no LAST yet."""
    last = await repo.store.branches.last_of_branch(repo.id, branch)
    if last is None and not await is_named(repo, branch):
        return None
    config = await repo.config_at(tip if last is None else last.sha)
    environment = config.environment_of_branch(branch)
    return None if environment is None else EnvironmentInForce(environment, config, last)


async def in_force(repo: FetchedRepo) -> tuple[InForce, ...]:
    """The configs that define environments: at each LAST, and on the default branch.

    A new entry in one of them is not in force just because it is there.
    """
    commits = {last.sha: last.branch for last in await repo.store.branches.all_last(repo.id)}
    default = BranchName(repo.known.default_branch)
    tip = await repo.mirror.tip(default)
    if tip is not None and await repo.store.branches.last_of_branch(repo.id, default) is None:
        commits.setdefault(tip, default)
    configs = []
    for commit, branch in commits.items():
        with contextlib.suppress(ConfigInvalid, GitError):
            configs.append(InForce(config=await repo.config_at(commit), commit=commit, branch=branch))
    return tuple(configs)


async def is_named(repo: FetchedRepo, branch: BranchName) -> bool:
    """Whether a config in force makes this an environment's branch; a branch cannot do that for itself."""
    if await repo.store.branches.last_of_branch(repo.id, branch) is not None:
        return True
    return any(each.config.environment_of_branch(branch) is not None for each in await in_force(repo))


async def adopt(repo: FetchedRepo, config: RepositoryConfig) -> None:
    """Adopt the tips of branches when a repository is first seen: earlier commits are not judged."""
    if not await is_adopted(repo):
        await adopt_under(repo, config)
        await repo.store.markers.keep(Adopted(repo.id), True)


async def is_adopted(repo: Repo) -> bool:
    """Whether the branches that existed when the repository was first seen are already adopted."""
    return await repo.store.markers.find(Adopted(repo.id)) is not None


async def adopt_under(repo: FetchedRepo, config: RepositoryConfig) -> None:
    """Adopt the tips of those branches without a LAST that this config assigns to environments."""
    for environment in config.branch_environments.values():
        tip = await repo.mirror.tip(environment.branch)
        if tip is None or await repo.store.branches.last(repo.id, environment.name) is not None:
            continue
        await repo.store.branches.move_last(
            repo.id, environment.name, environment.branch, tip, await repo.mirror.tree_of(tip), applied=False
        )
