"""`planward config show OWNER/REPO`: what Planward finds in a repository on GitHub, at its default branch."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from checks.configuration import Configuration
from ghapp.addresses import git_host
from ghapp.errors import JobError
from ghapp.events import Repository
from ghapp.facts import Facts
from ghapp.git import Mirror, Mirrors, Remote
from ghapp.github import GitHubApp
from ghapp.github.app_key import app_key
from ghapp.local.config import Answer, show
from ghapp.local.secret_use import examine_secret_use
from ghapp.processes.private_directories import make_private
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid, RepositoryConfig, misplaced_config, read_config
from ghapp.root_modules import Layout, configure_root_modules, files_to_read
from ghapp.settings import GitHubAccess, LocalSettings
from ghapp.terraform import Terraform, TerraformMissing, find_terraforms
from ghapp.values import CommitSha
from ghapp.vault.session import Vault


class NotReachable(JobError):
    """The App has no access to the repository, or the repository is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """What Planward finds at the tip of a repository's default branch, under the config there."""

    repository: Repository
    sha: CommitSha
    config: RepositoryConfig
    configuration: Configuration
    layout: Layout
    paths: Collection[str]
    engines: tuple[Terraform, ...]
    """The engines installed on this machine. There may be none, since plans may run on another machine."""


async def show_repository(full_name: str, access: GitHubAccess, local: LocalSettings) -> Answer:
    """Fetch a repository as the App, and show its config with the defaults filled in. Raises JobError."""
    vault = Vault(local.vault) if local.vault is not None else None
    async with GitHubApp(access.api_url, access.app_id, app_key(access.private_key, vault)) as github:
        try:
            tip = await read_tip(full_name, github, access.api_url, local)
        except ConfigInvalid as error:
            return Answer(exit_status=1, lines=tuple(str(problem) for problem in error.problems))
        repository = tip.repository
        shown = show(tip.config, tip.configuration, tip.layout, tip.paths, tip.engines)
        lines = [f"{repository.full_name} at {tip.sha[:12]}", "", *shown]
        uses = await examine_secret_use(tip.config, repository.id, repository.full_name, local.authority, vault, github)
        if uses:
            lines += ["", "who may use which secrets"]
            lines += [f"  {use.name}: {'yes' if use.allowed else 'no'}, {use.why}" for use in uses]
        return Answer(exit_status=0, lines=tuple(lines))


async def read_tip(full_name: str, github: GitHubApp, api_url: str, local: LocalSettings) -> Tip:
    """Fetch a repository as the App, and examine its default branch. Raises JobError and ConfigInvalid."""
    installation = await github.installation_of(full_name)
    if installation is None:
        raise NotReachable(f"the App is not installed on {full_name}, or there is no such repository")
    reached = await github.repositories(installation.id)
    repository = next((each for each in reached if each.full_name.lower() == full_name.lower()), None)
    if repository is None:
        raise NotReachable(f"the App's installation does not reach {full_name}: add the repository to it")
    token = await github.git_token(installation.id, repository.ref)
    remote = Remote(repository_id=repository.id, clone_url=repository.clone_url, token=token)
    mirrors = Mirrors(make_private(local.data_dir) / "mirrors", allowed_host=git_host(api_url))
    mirror = await mirrors.fetch(remote)
    sha = await mirror.tip(repository.default_branch)
    if sha is None:
        raise NotReachable(f"{repository.full_name} has no commit on {repository.default_branch} yet")
    facts = Facts(local.data_dir / "facts")
    try:
        return await _configure(repository, mirror, sha, facts, local)
    finally:
        facts.close()


async def _configure(repository: Repository, mirror: Mirror, sha: CommitSha, facts: Facts, local: LocalSettings) -> Tip:
    entries = await mirror.list_tree(sha)
    blobs = {entry.path: entry.blob_id for entry in entries}
    misplaced = misplaced_config(blobs.keys())
    if misplaced is not None:
        raise ConfigInvalid((misplaced,))
    content = await mirror.read_file(sha, CONFIG_PATH)
    name = repository.full_name.partition("/")[2]
    config = read_config(content, branches=await mirror.branches(), repository_name=name)
    configuration = await facts.configuration(mirror, entries, config)
    named = files_to_read(config, configuration, paths=blobs.keys())
    read = await mirror.read_blobs(blobs[path] for path in named)
    contents = {path: read[blobs[path]] for path in named}
    return Tip(
        repository=repository,
        sha=sha,
        config=config,
        configuration=configuration,
        layout=configure_root_modules(config, configuration, paths=blobs.keys(), contents=contents),
        paths=blobs.keys(),
        engines=await asyncio.to_thread(_engines, local),
    )


def _engines(local: LocalSettings) -> tuple[Terraform, ...]:
    try:
        return find_terraforms(local.terraform)
    except TerraformMissing:  # plans may run on another machine
        return ()
