"""Access to other private repositories that the operator allows: for modules that `init` fetches, and for submodules.

A repository must be listed in PLANWARD_MODULE_REPOSITORIES, be the source of a module or submodule, and have the same
owner and installation. The token can only read contents, and is revoked before any program of a repository runs.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from checks.authority.teams import RepositoryIdentity
from checks.configuration import RootModule
from checks.configuration.module_sources import repository_of
from ghapp.addresses import web_url
from ghapp.errors import JobError
from ghapp.flows.repository import FetchedRepo, Repo
from ghapp.flows.root_module.terraform_plan import ModuleAccess
from ghapp.git import LargeFiles, Remote, Submodule, find_pointers
from ghapp.git.module_access import module_environment
from ghapp.values import TreeId

_DEEPEST = 8


@asynccontextmanager
async def module_access(
    repo: Repo, root_module: RootModule, further: Collection[str], *, from_fork: bool
) -> AsyncIterator[ModuleAccess]:
    """Open the access that `init` needs to fetch modules, and end it afterwards. Raises GitHubError.

    It reaches a listed repository if the root module, or one of the `further` sources, names it.
    """
    url = web_url(repo.services.settings.github.api_url)
    known = (await repo.authority()).repository
    named = dict.fromkeys(_repository_of(repo, source) for source in (*root_module.remote_sources, *further))
    names = [name for name in named if name is not None and _is_listed(repo, known, name, from_fork=from_fork)]

    def allows(source: str) -> bool:
        name = _repository_of(repo, source)
        return name is not None and _is_listed(repo, known, name, from_fork=from_fork)

    def lacks(source: str) -> bool:
        name = _repository_of(repo, source)
        return name is not None and allows(source) and name.casefold() not in {each.casefold() for each in names}

    if not names:
        yield ModuleAccess(environ=module_environment(url, None), allows=allows, lacks=lacks)
        return
    async with repo.services.github.contents_token(repo.known.installation_id, names) as token:
        yield ModuleAccess(environ=module_environment(url, token), secrets=(token,), allows=allows, lacks=lacks)


@asynccontextmanager
async def checkout_with_modules(
    repo: FetchedRepo,
    tree: TreeId,
    *,
    use: Literal["plan", "apply"],
    pointers: Collection[str],
    read: Collection[str],
    submodules: Sequence[Submodule],
    from_fork: bool,
) -> AsyncIterator[Path]:
    """Check out a tree for one root run, with the submodules that it reads. Raises JobError if one is not allowed."""
    known = (await repo.authority()).repository
    clone_url = repo.known.clone_url
    names = {each.path: _listed_submodule(repo, known, each, clone_url, from_fork=from_fork) for each in submodules}
    async with repo.checkout(tree, use=use, pointers=pointers, read=read) as directory:
        for each in submodules:
            await _check_out_submodule(repo, known, each, names[each.path], directory)
        yield directory


def _repository_of(repo: Repo, source: str) -> str | None:
    host = web_url(repo.services.settings.github.api_url).partition("://")[2]
    return repository_of(source, host)


def _is_listed(repo: Repo, known: RepositoryIdentity, name: str, *, from_fork: bool) -> bool:
    return not from_fork and repo.services.settings.module_repositories.allows(known, name)


def _listed_submodule(
    repo: Repo, known: RepositoryIdentity, submodule: Submodule, clone_url: str, *, from_fork: bool
) -> str:
    source = submodule.source(clone_url)
    name = _repository_of(repo, source)
    if name is not None and _is_listed(repo, known, name, from_fork=from_fork):
        return name
    if from_fork:
        raise JobError(
            f"{submodule.path} is a submodule, and none is checked out for a fork's pull request: somebody with write "
            "access can push the branch to this repository and open the pull request from there"
        )
    if not source:
        raise JobError(f"{submodule.path} is a submodule whose address is missing from .gitmodules: add it and push")
    raise JobError(
        f"{submodule.path} is a submodule, and its repository {source[:200]} is not checked out: ask the operator to "
        "list that repository in PLANWARD_MODULE_REPOSITORIES (it must have the same owner), then press Re-run"
    )


async def _check_out_submodule(
    repo: Repo, known: RepositoryIdentity, submodule: Submodule, name: str, top: Path, depth: int = 1
) -> None:
    """Check out a submodule below `top`, with its own submodules: without them, their directories would be empty."""
    if depth > _DEEPEST:
        raise JobError(f"{submodule.path} is a submodule within {_DEEPEST} others: use fewer levels")
    place = top / submodule.path
    if not place.resolve().is_relative_to(top.resolve()):
        raise JobError(
            f"{submodule.path} is a submodule, and a symlink in its path leads out of the repository: remove the "
            "symlink and push"
        )
    github, installation = repo.services.github, repo.known.installation_id
    reached = await github.repositories(installation)
    found = next((each for each in reached if each.full_name.casefold() == name.casefold()), None)
    if found is None:
        raise JobError(
            f"{submodule.path} is a submodule, and the App's installation does not reach its repository {name}: an "
            "owner has to add that repository in the installation's settings; then press Re-run"
        )
    async with github.contents_token(installation, [name]) as token:
        remote = Remote(repository_id=found.id, clone_url=found.clone_url, token=token)
        mirror = await repo.services.mirrors.fetch(remote, commits=[submodule.commit])
    entries = await mirror.list_tree(submodule.commit)
    pointers = await find_pointers(mirror, entries)
    async with mirror.checkout(submodule.commit, LargeFiles(unread=pointers)) as content:
        await asyncio.to_thread(shutil.copytree, content, place, symlinks=True, dirs_exist_ok=True)
    for each in await mirror.submodules(entries):
        inner = replace(each, path=f"{submodule.path}/{each.path}")
        inner_name = _listed_submodule(repo, known, inner, found.clone_url, from_fork=False)
        await _check_out_submodule(repo, known, inner, inner_name, top, depth + 1)
