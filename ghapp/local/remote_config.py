"""`planward config show OWNER/REPO`: what Planward finds in a repository on GitHub, at its default branch."""

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
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid, misplaced_config, read_config
from ghapp.root_modules import configure_root_modules, files_to_read
from ghapp.settings import GitHubAccess, LocalSettings
from ghapp.values import CommitSha
from ghapp.vault import Vault


class NotToBeSeen(JobError):
    """The App does not reach the repository, or there is nothing in it."""


async def show_repository(full_name: str, access: GitHubAccess, local: LocalSettings) -> Answer:
    """Fetch a repository as the App, and show its config with the defaults filled in. Raises JobError."""
    vault = Vault(local.vault) if local.vault is not None else None
    async with GitHubApp(access.api_url, access.app_id, app_key(access.private_key, vault)) as github:
        installation = await github.installation_of(full_name)
        if installation is None:
            raise NotToBeSeen(f"the App is not installed on {full_name}, or there is no such repository")
        reached = await github.repositories(installation.id)
        repository = next((each for each in reached if each.full_name.lower() == full_name.lower()), None)
        if repository is None:
            raise NotToBeSeen(f"the App's installation does not reach {full_name}: add the repository to it")
        token = await github.git_token(installation.id, repository.ref)
        remote = Remote(repository_id=repository.id, clone_url=repository.clone_url, token=token)
        mirrors = Mirrors(make_private(local.data_dir) / "mirrors", allowed_host=git_host(access.api_url))
        mirror = await mirrors.fetch(remote)
        return await _show_tip(repository, mirror, local, vault, github)


async def _show_tip(
    repository: Repository, mirror: Mirror, local: LocalSettings, vault: Vault | None, github: GitHubApp
) -> Answer:
    tip = await mirror.tip(repository.default_branch)
    if tip is None:
        raise NotToBeSeen(f"{repository.full_name} has no commit on {repository.default_branch} yet")
    facts = Facts(local.data_dir / "facts")
    try:
        return await _show(repository, mirror, tip, facts, local, vault, github)
    finally:
        facts.close()


async def _show(
    repository: Repository,
    mirror: Mirror,
    tip: CommitSha,
    facts: Facts,
    local: LocalSettings,
    vault: Vault | None,
    github: GitHubApp,
) -> Answer:
    name = repository.full_name.partition("/")[2]
    entries = await mirror.list_tree(tip)
    blobs = {entry.path: entry.blob_id for entry in entries}
    try:
        misplaced = misplaced_config(blobs.keys())
        if misplaced is not None:
            raise ConfigInvalid((misplaced,))
        content = await mirror.read_file(tip, CONFIG_PATH)
        config = read_config(content, branches=await mirror.branches(), repository_name=name)
        configuration = await facts.configuration(mirror, entries, config)
        named = files_to_read(config, configuration, paths=blobs.keys())
        read = await mirror.read_blobs(blobs[path] for path in named)
        contents = {path: read[blobs[path]] for path in named}
        layout = configure_root_modules(config, configuration, paths=blobs.keys(), contents=contents)
    except ConfigInvalid as error:
        return Answer(exit_status=1, lines=tuple(str(problem) for problem in error.problems))
    lines = [f"{repository.full_name} at {tip[:12]}", "", *show(config, configuration, layout, blobs.keys())]
    uses = await examine_secret_use(config, repository.id, repository.full_name, local.authority, vault, github)
    if uses:
        lines += ["", "who may use which secrets"]
        lines += [f"  {use.name}: {'yes' if use.allowed else 'no'}, {use.why}" for use in uses]
    return Answer(exit_status=0, lines=tuple(lines))
