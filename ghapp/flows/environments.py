"""Find the environment that a branch stands for, and adopt the branches that existed before Planward."""

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


class ConfigInForce(NamedTuple):
    """A config that defines environments, and its location."""

    config: RepositoryConfig
    commit: CommitSha
    branch: BranchName


async def adopt_state_before(repo: FetchedRepo, branch: BranchName, before: CommitSha) -> None:
    """If a push is the first event of a repository, adopt the commit before it, so that the push itself is judged."""
    if await is_adopted(repo):
        return  # this is not the repository's first event: if the branch has no LAST, the push is held
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
    if last is None and not await is_environment_branch(repo, branch):
        return None
    config = await repo.config_at(tip if last is None else last.sha)
    environment = config.environment_of_branch(branch)
    return None if environment is None else EnvironmentInForce(environment, config, last)


async def configs_in_force(repo: FetchedRepo) -> tuple[ConfigInForce, ...]:
    """The configs that define environments: those at each LAST, and the one on the default branch.

    A new environment in one of them is not in force yet just because it is listed.
    """
    commits = {last.sha: last.branch for last in await repo.store.branches.all_last(repo.id)}
    default = BranchName(repo.known.default_branch)
    tip = await repo.mirror.tip(default)
    if tip is not None and await repo.store.branches.last_of_branch(repo.id, default) is None:
        commits.setdefault(tip, default)
    configs = []
    for commit, branch in commits.items():
        with contextlib.suppress(ConfigInvalid, GitError):
            configs.append(ConfigInForce(config=await repo.config_at(commit), commit=commit, branch=branch))
    return tuple(configs)


async def is_environment_branch(repo: FetchedRepo, branch: BranchName) -> bool:
    """Whether a config in force makes this an environment's branch.

    The branch's own config does not count before the branch has a LAST, unless it is the default branch.
    """
    if await repo.store.branches.last_of_branch(repo.id, branch) is not None:
        return True
    return any(each.config.environment_of_branch(branch) is not None for each in await configs_in_force(repo))


async def adopt(repo: FetchedRepo, config: RepositoryConfig) -> None:
    """Adopt the tips of branches when a repository is first seen: earlier commits are not judged."""
    if not await is_adopted(repo):
        await adopt_branches(repo, config)
        await repo.store.markers.keep(Adopted(repo.id), True)


async def is_adopted(repo: Repo) -> bool:
    """Whether the branches that existed when the repository was first seen are already adopted."""
    return await repo.store.markers.find(Adopted(repo.id)) is not None


async def adopt_branches(repo: FetchedRepo, config: RepositoryConfig) -> None:
    """Adopt the tip of the branch of each environment in this config, unless the environment already has a LAST."""
    for environment in config.branch_environments.values():
        tip = await repo.mirror.tip(environment.branch)
        if tip is None or await repo.store.branches.last(repo.id, environment.name) is not None:
            continue
        await repo.store.branches.move_last(
            repo.id, environment.name, environment.branch, tip, await repo.mirror.tree_of(tip), applied=False
        )
