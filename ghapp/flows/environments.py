"""A branch and its environment: which one it stands for, and what was there before Planward."""

import contextlib

from ghapp.flows.repository import config_at
from ghapp.git import GitError, Mirror
from ghapp.repository_config import ConfigInvalid, Environment, RepositoryConfig
from ghapp.services import Services
from ghapp.store import KnownRepository, Last
from ghapp.store.marker_kinds import Adopted
from ghapp.values import BranchName, CommitSha, is_no_commit


async def adopt_before(
    services: Services, repository: KnownRepository, mirror: Mirror, branch: BranchName, before: CommitSha
) -> None:
    """Where a push is the first that is heard of a repository: what was before it is adopted, the push is judged."""
    if await is_adopted(services, repository):
        return  # the branch is newer than that, and is held
    if await services.store.branches.last_of_branch(repository.id, branch) is not None:
        return
    if is_no_commit(before) or not await mirror.has(before):
        return
    config = await config_at(mirror, repository, before)
    environment = config.environment_of_branch(branch)
    if environment is not None:
        tree = await mirror.tree_of(before)
        await services.store.branches.move_last(repository.id, environment.name, branch, before, tree, applied=False)


async def environment_at_last(
    services: Services, repository: KnownRepository, mirror: Mirror, branch: BranchName, tip: CommitSha
) -> tuple[Environment, RepositoryConfig, Last | None] | None:
    """Which environment a branch stands for, by the config at LAST; by the tip's where there is no LAST yet."""
    last = await services.store.branches.last_of_branch(repository.id, branch)
    if last is None and not await is_named(services, repository, mirror, branch):
        return None
    config = await config_at(mirror, repository, tip if last is None else last.sha)
    environment = config.environment_of_branch(branch)
    return None if environment is None else (environment, config, last)


async def in_force(services: Services, repository: KnownRepository, mirror: Mirror) -> tuple[RepositoryConfig, ...]:
    """The configs that nobody can put in force by a push alone: at each LAST, and on the default branch."""
    commits = [last.sha for last in await services.store.branches.all_last(repository.id)]
    default = BranchName(repository.default_branch)
    tip = await mirror.tip(default)
    if tip is not None and await services.store.branches.last_of_branch(repository.id, default) is None:
        commits.append(tip)
    configs = []
    for commit in dict.fromkeys(commits):
        with contextlib.suppress(ConfigInvalid, GitError):
            configs.append(await config_at(mirror, repository, commit))
    return tuple(configs)


async def is_named(services: Services, repository: KnownRepository, mirror: Mirror, branch: BranchName) -> bool:
    """Whether a config in force makes this an environment's branch: a branch does not make itself one."""
    if await services.store.branches.last_of_branch(repository.id, branch) is not None:
        return True
    configs = await in_force(services, repository, mirror)
    return any(config.environment_of_branch(branch) is not None for config in configs)


async def adopt(services: Services, repository: KnownRepository, mirror: Mirror, config: RepositoryConfig) -> None:
    """Take the tips of branches as adopted when a repository is first seen: what was there before is not judged."""
    if not await is_adopted(services, repository):
        await adopt_under(services, repository, mirror, config)
        await services.store.markers.keep(Adopted(repository.id), True)


async def is_adopted(services: Services, repository: KnownRepository) -> bool:
    """Whether what was there when the repository was first seen is adopted already."""
    return await services.store.markers.find(Adopted(repository.id)) is not None


async def adopt_under(
    services: Services, repository: KnownRepository, mirror: Mirror, config: RepositoryConfig
) -> None:
    """Adopt the tips of branches that this config calls environments' and that have no LAST."""
    for environment in config.environments.values():
        if environment.branch is None:
            continue
        tip = await mirror.tip(environment.branch)
        if tip is None or await services.store.branches.last(repository.id, environment.name) is not None:
            continue
        await services.store.branches.move_last(
            repository.id, environment.name, environment.branch, tip, await mirror.tree_of(tip), applied=False
        )
