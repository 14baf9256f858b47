"""A branch and its environment: which one it stands for, where LAST is, and the run that shows its tip."""

import contextlib
import hashlib

from ghapp.flows.check_run import announce, apply_check_run
from ghapp.flows.ground import config_at, is_adopted, short
from ghapp.git import GitError, Mirror
from ghapp.repository_config import ConfigInvalid, Environment, RepositoryConfig
from ghapp.services import Services
from ghapp.store import KnownRepository, Last, Run
from ghapp.values import BranchName, CommitSha, RunId, is_no_commit


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


async def run_of_tip(
    services: Services, repository: KnownRepository, environment: Environment, tip: CommitSha, *, attempt: int = 0
) -> Run:
    """Give the run that shows the apply of this commit, made and announced if there is none yet."""
    assert environment.branch is not None
    key = f"{repository.id}:apply:{environment.name}:{tip}:{attempt}"
    run = await services.store.runs.begin(
        Run(
            id=RunId(hashlib.sha256(key.encode()).hexdigest()[:24]),
            repository_id=repository.id,
            operation="apply",
            environment=environment.name,
            branch=environment.branch,
            head_sha=tip,
            base_sha=tip,
            pull_request=None,
            attempt=attempt,
            check_run_name=apply_check_run(environment.name),
        )
    )
    if run.status == "completed":
        return run
    summary = f"Looking for the pull request that explains {short(tip)}"
    return await announce(services, repository, run, status="in_progress", summary=summary)


async def next_attempt(
    services: Services, repository: KnownRepository, environment: Environment, tip: CommitSha
) -> Run:
    """Give the unfinished attempt at this commit, or the one that follows those that are completed."""
    attempts = await runs_of_tip(services, repository, environment, tip)
    number = len([run for run in attempts if run.status == "completed"])
    return await run_of_tip(services, repository, environment, tip, attempt=number)


async def runs_of_tip(
    services: Services, repository: KnownRepository, environment: Environment, tip: CommitSha
) -> list[Run]:
    """The attempts at this commit so far, oldest first."""
    name = apply_check_run(environment.name)
    return list(await services.store.runs.of_head(repository.id, tip, name))
