"""Survey the root modules of a tree under the config at a commit, for all flows."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from checks.configuration import Configuration
from ghapp.flows.repository import FetchedRepo
from ghapp.git import find_pointers
from ghapp.repository_config import RepositoryConfig, changed_keys, misplaced_config
from ghapp.root_modules import Survey, configure_root_modules, files_to_read, reconfigured, unlisted_tools
from ghapp.services import Services
from ghapp.terraform import Terraform, find_terraforms
from ghapp.values import CommitSha, EnvironmentName, RunId, TreeId


async def installed_terraforms(services: Services) -> Sequence[Terraform]:
    """The installed engines. If there was none on startup, they are searched for again. Raises TerraformMissing."""
    if services.terraforms:
        return services.terraforms
    state_lock_s = services.timings.state_lock_s
    find = partial(find_terraforms, programs=services.programs, state_lock_s=state_lock_s)
    return await asyncio.to_thread(find, services.settings.terraform)


async def survey_tree(repo: FetchedRepo, config: RepositoryConfig, treeish: str) -> Survey:
    """Survey a tree under a config."""
    entries = await repo.mirror.list_tree(treeish)
    configuration = await repo.services.facts.configuration(repo.mirror, entries, config)
    blobs = {entry.path: entry.blob_id for entry in entries}
    paths = frozenset(blobs)
    read_paths = await asyncio.to_thread(files_to_read, config, configuration, paths=paths)
    wanted = {path: blobs[path] for path in read_paths}
    read = await repo.mirror.read_blobs(wanted.values())
    contents = {path: read[blob_id] for path, blob_id in wanted.items()}
    # In a thread, since the survey of a very large tree would block the event loop.
    survey = await asyncio.to_thread(_configure, config, configuration, paths, contents)
    pointers, submodules = await find_pointers(repo.mirror, entries), await repo.mirror.submodules(entries)
    return replace(survey, pointers=pointers, submodules=submodules)


def _configure(
    config: RepositoryConfig, configuration: Configuration, paths: frozenset[str], contents: Mapping[str, bytes]
) -> Survey:
    return Survey(
        config=config,
        configuration=configuration,
        layout=configure_root_modules(config, configuration, paths=paths, contents=contents),
        other_tools=unlisted_tools(config, paths),
        misplaced=misplaced_config(paths),
    )


async def survey_merge_result(repo: FetchedRepo, config_sha: CommitSha, tree: TreeId) -> Survey:
    """Survey a tree under the config at a commit, but with the root modules that the tree lists if these are valid."""
    return await survey_tree(repo, await repo.config_for(config_sha, tree), tree)


async def survey_of_run(repo: FetchedRepo, run_id: RunId, config_sha: CommitSha, tree: TreeId) -> Survey:
    """Like `survey_merge_result`, but this process does it only once for all root modules of a run."""
    recent = repo.services.surveys
    survey = recent.find(run_id, config_sha, tree)
    if survey is None:
        survey = await survey_merge_result(repo, config_sha, tree)
        recent.keep(run_id, config_sha, tree, survey)
    return survey


def find_reconfigured(environment: EnvironmentName, before: Survey, after: Survey | None) -> tuple[str, ...]:
    """The root modules that run differently in an environment under a changed config.

    `after` is None if the config does not change.
    """
    if after is None:
        return ()
    return reconfigured(before.layout.get(environment, ()), after.layout.get(environment, ()))


def only_known(survey: Survey, environment: EnvironmentName, dirs: Collection[str]) -> tuple[str, ...]:
    """The directories that are root modules in the survey, each once."""
    known = survey.of(environment)
    return tuple(directory for directory in dict.fromkeys(dirs) if directory in known)


def why_not_run(survey: Survey, environment: EnvironmentName, dirs: Collection[str]) -> str | None:
    """Why one of these root modules must not run in an environment: the first cause found. None if all may run."""
    known = survey.of(environment)
    causes = (known[directory].cause for directory in dict.fromkeys(dirs) if directory in known)
    return next((cause for cause in causes if cause is not None), None)


def why_config_breaks(before: Survey, after: Survey) -> str | None:
    """Why a changed config makes it impossible to run a root module, in any environment: the first cause found."""
    found = (
        why_not_run(after, name, reconfigured(before.layout.get(name, ()), members))
        for name, members in after.layout.items()
    )
    return next((cause for cause in found if cause is not None), None)


def describe_config_change(before: RepositoryConfig, after: RepositoryConfig) -> Iterator[str]:
    """Yield a note with the config keys that a pull request changes, if there are any."""
    keys = changed_keys(before, after)
    if keys:
        yield f"Merging this changes Planward's config: {', '.join(f'`{key}`' for key in keys)}"
